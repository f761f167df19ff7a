"""A new account gets its first team, however it signed up."""

from typing import Any

from allauth.account.signals import user_signed_up
from django.dispatch import receiver

from accounts.models import User
from accounts.teams import first_team


@receiver(user_signed_up)
def give_first_team(user: User, **kwargs: Any) -> None:
    first_team(user)
