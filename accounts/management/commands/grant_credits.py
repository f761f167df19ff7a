"""`manage.py grant_credits`: add credits to a team."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts import audit, ledger
from accounts.models import Team
from accounts.models.ledger import PurseKind


class Command(BaseCommand):
    help = "Grant API or user credits to a team, named by its id or by its owner's e-mail address."

    def add_arguments(self, parser: CommandParser) -> None:
        add_team(parser)
        parser.add_argument("kind", choices=PurseKind.values)
        parser.add_argument("amount", type=int)
        parser.add_argument("--note", default="", help="shown in the team's ledger")
        parser.add_argument("--reference", help="repeating a grant with the same reference changes nothing")
        parser.add_argument(
            "--expires",
            help="the last day (UTC) on which they can be spent, such as 2027-01-31, or a number of days",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        team = find_team(options["team"])
        own, kind, amount = options["reference"], options["kind"], options["amount"]
        # With the purse in it: two teams may be granted something by one reference of the operator's.
        reference = f"operator:{team.pk}:{kind}:{own}" if own else ledger.new_reference("operator")
        try:
            with transaction.atomic():
                written = ledger.grant(
                    team=team,
                    kind=kind,
                    amount=amount,
                    reference=checked_reference(reference),
                    note=options["note"],
                    expires_at=_end(options["expires"]) if options["expires"] else None,
                )
                if written:
                    audit.record("credits.grant", team=team, who=audit.OPERATOR, purse=kind, credits=amount)
        except ValueError as error:
            raise CommandError(str(error)) from error
        done = "Granted." if written else f"Already granted as {own}; nothing changed."
        self.stdout.write(f"{done} {balances_of(team)}")


def add_team(parser: CommandParser) -> None:
    parser.add_argument(
        "team", help="the team's id, or the e-mail address of the person whose first team it is"
    )


def find_team(name: str) -> Team:
    found = (
        Team.objects.filter(pk=name) if name.isdigit() else Team.objects.filter(first_of__email__iexact=name)
    )
    team = found.first()
    if team is None:
        raise CommandError(
            f"There is no team {name!r}; give a team's id or its first owner's e-mail address."
        )
    return team


def checked_reference(reference: str) -> str:
    if len(reference) > 200:
        raise CommandError("The reference is too long; 150 characters are enough.")
    return reference


def balances_of(team: Team) -> str:
    balances = ledger.balances(team)
    return f"{team.name}: {balances.api.available} API credits, {balances.user.available} user credits."


def _end(text: str) -> datetime:
    """The moment after the last day, or so many days from now."""
    try:
        if text.isdigit():
            return timezone.now() + timedelta(days=int(text))
        return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"{text!r} is neither a day such as 2027-01-31 nor a number of days; give one of the two."
        ) from error
