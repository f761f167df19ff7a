"""`manage.py adjust_credits`: correct what a team has, either way."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import operators
from accounts.management.commands.grant_credits import balances_of
from accounts.models.ledger import PurseKind


class Command(BaseCommand):
    help = "Correct the API or user credits of a team; never below zero, and always with a reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", help="its id, its name, or the address of whoever's first team it is")
        parser.add_argument("kind", choices=PurseKind.values)
        parser.add_argument("change", type=int, help="such as 20, or -20")
        parser.add_argument("--note", required=True, help="why; shown in the team's ledger")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            team = operators.find_team(options["team"])
            operators.adjust(
                team=team, kind=options["kind"], change_by=options["change"], note=options["note"]
            )
        except (LookupError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Corrected. {balances_of(team)}")
