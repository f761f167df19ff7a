"""`manage.py grant_credits`: add credits to a team."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import ledger
from accounts.models import Team
from accounts.models.ledger import PurseKind


class Command(BaseCommand):
    help = "Grant API or user credits to a team, named by its id or by its owner's e-mail address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "team", help="the team's id, or the e-mail address of the person whose first team it is"
        )
        parser.add_argument("kind", choices=PurseKind.values)
        parser.add_argument("amount", type=int)
        parser.add_argument("--note", default="", help="shown in the team's ledger")
        parser.add_argument("--reference", help="repeating a grant with the same reference changes nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        team = self._team(options["team"])
        reference = options["reference"] or ledger.new_reference("operator")
        try:
            written = ledger.grant(
                team=team,
                kind=options["kind"],
                amount=options["amount"],
                reference=reference,
                note=options["note"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        balances = ledger.balances(team)
        done = "Granted." if written else f"Already granted as {reference}; nothing changed."
        self.stdout.write(
            f"{done} {team.name}: {balances.api.available} API credits, {balances.user.available} user credits."
        )

    def _team(self, name: str) -> Team:
        found = (
            Team.objects.filter(pk=name)
            if name.isdigit()
            else Team.objects.filter(first_of__email__iexact=name)
        )
        team = found.first()
        if team is None:
            raise CommandError(
                f"There is no team {name!r}; give a team's id or its first owner's e-mail address."
            )
        return team
