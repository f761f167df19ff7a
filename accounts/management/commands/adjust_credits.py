"""`manage.py adjust_credits`: correct what a team has, either way."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import audit, ledger
from accounts.management.commands.grant_credits import add_team, balances_of, find_team
from accounts.models.ledger import PurseKind


class Command(BaseCommand):
    help = "Correct the API or user credits of a team; never below zero, and always with a reason."

    def add_arguments(self, parser: CommandParser) -> None:
        add_team(parser)
        parser.add_argument("kind", choices=PurseKind.values)
        parser.add_argument("change", type=int, help="such as 20, or -20")
        parser.add_argument("--note", required=True, help="why; shown in the team's ledger")

    def handle(self, *args: Any, **options: Any) -> None:
        team = find_team(options["team"])
        kind, change_by = options["kind"], options["change"]
        try:
            with transaction.atomic():
                ledger.adjust(
                    team=team,
                    kind=kind,
                    change_by=change_by,
                    reference=ledger.new_reference("operator"),
                    note=options["note"],
                )
                audit.record("credits.adjust", team=team, who=audit.OPERATOR, purse=kind, change=change_by)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Corrected. {balances_of(team)}")
