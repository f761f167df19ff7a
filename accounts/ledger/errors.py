"""Why credits cannot be had: each a sentence and a stable code."""

from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models.ledger import PurseKind


class CannotPay(Exception):
    """Nothing was reserved and nothing was changed; `sentence` says why and what to do."""

    code: ClassVar[str]
    sentence: str

    def __init__(self, sentence: str):
        self.sentence = sentence
        super().__init__(sentence)


class NotEnoughCredits(CannotPay):
    """The purse holds less than was asked for."""

    code = "not_enough_credits"

    def __init__(self, *, kind: str, needed: int, available: int):
        self.kind, self.needed, self.available = kind, needed, available
        super().__init__(
            ngettext(
                "This needs %(needed)s credit, and the team has %(available)s available in its %(purse)s; "
                "get more credits or make a shorter clip.",
                "This needs %(needed)s credits, and the team has %(available)s available in its %(purse)s; "
                "get more credits or make a shorter clip.",
                needed,
            )
            % {"needed": needed, "available": available, "purse": _purse(kind)}
        )


class SpendingCapReached(CannotPay):
    """It would take the team past what it may spend of this purse in a calendar month (UTC)."""

    code = "spending_cap_reached"

    def __init__(self, *, kind: str, needed: int, cap: int, spent: int):
        self.kind, self.needed, self.cap, self.spent = kind, needed, cap, spent
        super().__init__(
            ngettext(
                "This needs %(needed)s credit, and the team has spent %(spent)s of the %(cap)s that it may spend "
                "of its %(purse)s this month; raise the monthly cap, or wait for the next month (UTC).",
                "This needs %(needed)s credits, and the team has spent %(spent)s of the %(cap)s that it may spend "
                "of its %(purse)s this month; raise the monthly cap, or wait for the next month (UTC).",
                needed,
            )
            % {"needed": needed, "spent": spent, "cap": cap, "purse": _purse(kind)}
        )


class KeyLimitReached(CannotPay):
    """It would take the key past its credits a day (UTC), or past its credits in all."""

    code = "key_limit_reached"

    def __init__(self, *, daily: bool, needed: int, limit: int, spent: int):
        self.daily, self.needed, self.limit, self.spent = daily, needed, limit, spent
        sentence = (
            ngettext(
                "This needs %(needed)s credit, and the key has used %(spent)s of the %(limit)s that it may use "
                "a day; raise the key's limit, use another key, or wait for tomorrow (UTC).",
                "This needs %(needed)s credits, and the key has used %(spent)s of the %(limit)s that it may use "
                "a day; raise the key's limit, use another key, or wait for tomorrow (UTC).",
                needed,
            )
            if daily
            else ngettext(
                "This needs %(needed)s credit, and the key has used %(spent)s of the %(limit)s that it may use "
                "in all; raise the key's limit or use another key.",
                "This needs %(needed)s credits, and the key has used %(spent)s of the %(limit)s that it may use "
                "in all; raise the key's limit or use another key.",
                needed,
            )
        )
        super().__init__(sentence % {"needed": needed, "spent": spent, "limit": limit})


class BelowZero(ValueError):
    """A correction would leave less than nothing."""

    def __init__(self, *, kind: str, change: int, available: int):
        self.kind, self.change, self.available = kind, change, available
        super().__init__(
            f"A correction of {change} does not fit: {available} {PurseKind(kind).value} credits are available; "
            "take that many at most."
        )


def _purse(kind: str) -> str:
    return _("API credits") if kind == PurseKind.API else _("user credits")
