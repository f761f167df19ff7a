"""A new account gets its first team, however it signed up; the language of the first login is remembered."""

from typing import Any

from allauth.account.signals import user_logged_in, user_signed_up
from django.dispatch import Signal, receiver
from django.utils.translation import get_language

from accounts.models import User
from accounts.teams import first_team

# For the apps that keep things of a team. `team`: what would go with it? Answered with counts by name.
team_weighed = Signal()
# `team` is deleted, in the transaction that does it; what takes long is for after its commit.
team_closed = Signal()


@receiver(user_signed_up)
def give_first_team(user: User, **kwargs: Any) -> None:
    first_team(user)


@receiver(user_logged_in)
def remember_language(user: User, **kwargs: Any) -> None:
    if not user.language:
        user.language = get_language() or ""
        user.save(update_fields=["language"])
