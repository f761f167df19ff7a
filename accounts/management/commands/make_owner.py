"""`manage.py make_owner`: an owner for a team whose own cannot sign in any more."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import operators
from accounts.teams import Refused


class Command(BaseCommand):
    help = "Make somebody who has an account an owner of a team; those who own it stay owners."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", help="its id, its name, or the address of whoever's first team it is")
        parser.add_argument("person", help="an e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            team = operators.find_team(options["team"])
            person = operators.find_person(options["person"])
            changed = operators.make_owner(team, person)
        except (LookupError, Refused) as error:
            raise CommandError(str(error)) from error
        said = "owns {} now." if changed else "owns {} already; nothing changed."
        self.stdout.write(f"{person} {said.format(f'{team.name} (id {team.pk})')}")
