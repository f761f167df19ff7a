"""`manage.py create_team`: a team for somebody who has an account."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import operators
from accounts.teams import Refused


class Command(BaseCommand):
    help = "Make a team without credits. Its owner must have an account; grant_credits gives it credits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, help="the owner's e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            owner = operators.find_person(options["owner"])
            team, made = operators.create_team(name=options["name"], owner=owner)
        except (LookupError, Refused) as error:
            raise CommandError(str(error)) from error
        if made:
            self.stdout.write(f"Made the team {team.name} with the id {team.pk}, owned by {owner}.")
        else:
            self.stdout.write(
                f"{owner} owns a team {team.name} already, with the id {team.pk}; nothing changed."
            )
