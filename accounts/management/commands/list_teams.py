"""`manage.py list_teams`: every team, its owners and its credits."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Prefetch, Q

from accounts.models import Membership, Role, Team

COLUMNS = ("id", "state", "API", "user", "name", "owners")


class Command(BaseCommand):
    help = "List the teams with their owners and what their two purses have available."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "search", nargs="?", default="", help="a part of the name or of a member's address"
        )
        parser.add_argument("--deleted", action="store_true", help="deleted ones, too")

    def handle(self, *args: Any, **options: Any) -> None:
        owners = Membership.objects.filter(role=Role.OWNER).select_related("user").order_by("pk")
        rows = Team.objects.prefetch_related("purses", Prefetch("memberships", owners, "owners"))
        if not options["deleted"]:
            rows = rows.filter(deleted_at=None)
        if options["search"]:
            part = options["search"]
            by_people = Membership.objects.filter(user__email__icontains=part).values("team")
            rows = rows.filter(Q(name__icontains=part) | Q(pk__in=by_people))
        lines = [COLUMNS, *(_line(team) for team in rows.order_by("pk"))]
        widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
        for line in lines:
            cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _line(team: Team) -> tuple[str, ...]:
    purses = {purse.kind: str(purse.available) for purse in team.purses.all()}
    state = "deleted" if team.deleted_at else "off" if team.disabled_at else "open"
    owners = ", ".join(seat.user.email for seat in team.owners)
    return (str(team.pk), state, purses.get("api", "-"), purses.get("user", "-"), team.name, owners)
