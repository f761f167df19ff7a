"""`manage.py issue_key`: a new API key for the team that a person works in, so that scripts can begin."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from accounts import audit, keys, names
from accounts.models import Team, User
from accounts.teams import current_membership, first_team


class Command(BaseCommand):
    help = (
        "Print a new API key alone on the last line; the account and its team are made when they are missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--test", action="store_true", help="one whose jobs are free and give samples")
        parser.add_argument("--name", default="", help="what the keys page calls it")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"{email!r} is not an e-mail address.") from error
        try:
            names.printable(options["name"])
        except names.BadName as error:
            raise CommandError(str(error)) from error
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            # No password: the person sets one by "forgot your password".
            user = User.objects.create_user(email)
            self.stderr.write(f"Made the account {email}.")
        _key, plaintext = keys.issue(
            team=_team_of(user),
            created_by=user,
            name=options["name"],
            is_test=options["test"],
            actor=None,
            who=audit.OPERATOR,
        )
        self.stdout.write(plaintext)


def _team_of(user: User) -> Team:
    """The team that they work in; their first, made when they never had one."""
    if membership := current_membership(user):
        return membership.team
    if hasattr(user, "first_team"):
        raise CommandError(f"{user} is in no open team; make one with create_team, or invite them into one.")
    return first_team(user)
