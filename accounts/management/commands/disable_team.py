"""`manage.py disable_team`: close a team for a while."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import operators
from accounts.teams import Refused


class Command(BaseCommand):
    help = "Let nobody and no key do anything in a team. Nothing is lost; jobs that run go on to their end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", help="its id, its name, or the address of whoever's first team it is")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = operators.find_team(options["team"])
            changed = operators.disable_team(found)
        except (LookupError, Refused) as error:
            raise CommandError(str(error)) from error
        if changed:
            said = "is switched off for people and keys. Jobs that were submitted go on to their end."
        else:
            said = "was switched off already; nothing changed."
        self.stdout.write(f"{found.name} (id {found.pk}) {said}")
