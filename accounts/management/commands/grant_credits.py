"""`manage.py grant_credits`: add credits to a team."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import ledger, operators
from accounts.models import Team
from accounts.models.ledger import PurseKind
from lipsyncweb.http.numbers import row_number


class Command(BaseCommand):
    help = "Grant API or user credits to a team. Repeated, it grants again, unless it has a --reference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", help="its id, its name, or the address of whoever's first team it is")
        parser.add_argument("kind", choices=PurseKind.values)
        parser.add_argument("amount", type=int)
        parser.add_argument("--note", default="", help="shown in the team's ledger")
        parser.add_argument(
            "--reference", default="", help="repeating a grant with the same reference changes nothing"
        )
        parser.add_argument(
            "--expires",
            help="the last day (UTC) on which they can be spent, such as 2027-01-31, or a number of days",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        reference = options["reference"]
        try:
            team = operators.find_team(options["team"])
            written = operators.grant(
                team=team,
                kind=options["kind"],
                amount=options["amount"],
                note=options["note"],
                reference=reference,
                expires_at=_end(options["expires"]) if options["expires"] else None,
            )
        except (LookupError, ValueError) as error:
            raise CommandError(str(error)) from error
        done = "Granted." if written else f"Already granted as {reference}; nothing changed."
        self.stdout.write(f"{done} {balances_of(team)}")


def balances_of(team: Team) -> str:
    balances = ledger.balances(team)
    return f"{team.name}: {balances.api.available} API credits, {balances.user.available} user credits."


def _end(text: str) -> datetime:
    """The moment after the last day, or so many days from now. Raises ValueError with a sentence."""
    try:
        if (days := row_number(text)) is not None:
            return timezone.now() + timedelta(days=days)
        return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text!r} is neither a day such as 2027-01-31 nor a number of days; give one of the two."
        ) from error
