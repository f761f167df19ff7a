"""`manage.py enable_team`: open a team again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import operators
from accounts.teams import Refused


class Command(BaseCommand):
    help = "Open a team again that was switched off."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", help="its id, its name, or the address of whoever's first team it is")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = operators.find_team(options["team"])
            changed = operators.enable_team(found)
        except (LookupError, Refused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{found.name} (id {found.pk}) works again."
            if changed
            else f"{found.name} (id {found.pk}) was open already; nothing changed."
        )
