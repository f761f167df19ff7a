"""A team's purses as they are, and their lines."""

import uuid
from dataclasses import dataclass

from django.db import models

from accounts.models import Entry, Purse, Team
from accounts.models.ledger import PurseKind


@dataclass(frozen=True)
class Balances:
    """A team's two purses; they are independent and credits never move between them."""

    api: Purse
    user: Purse


def open_purses(team: Team) -> None:
    """Give a new team its two empty purses."""
    Purse.objects.bulk_create(
        [Purse(team=team, kind=kind) for kind in PurseKind.values], ignore_conflicts=True
    )


def balances(team: Team) -> Balances:
    purses = {purse.kind: purse for purse in Purse.objects.filter(team=team)}
    return Balances(api=purses[PurseKind.API], user=purses[PurseKind.USER])


def entries(team: Team) -> models.QuerySet[Entry]:
    """The team's ledger, newest first."""
    return Entry.objects.filter(purse__team=team).select_related("purse", "key", "person")


def new_reference(prefix: str) -> str:
    """A reference for something that happens once and has no name of its own."""
    return f"{prefix}:{uuid.uuid4()}"
