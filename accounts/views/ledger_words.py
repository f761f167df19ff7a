"""What a line of the ledger says, in the reader's language."""

from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Entry
from accounts.models.ledger import EntryKind, PurseKind

# What each purse is spent by, and its icon.
SPENT_BY: dict[str, tuple[Promise, str]] = {
    PurseKind.USER: (_("Spent by the forms of this site."), "spark"),
    PurseKind.API: (_("Spent by requests that carry a key."), "key"),
}

SENTENCES: dict[str, Promise] = {
    EntryKind.GRANT: _("Granted %(amount)s"),
    EntryKind.PURCHASE: _("Bought %(amount)s"),
    EntryKind.RESERVE: _("Reserved %(amount)s for %(model)s"),
    EntryKind.CHARGE: _("Charged %(amount)s for %(model)s"),
    EntryKind.GIVE_BACK: _("Given back %(amount)s"),
    EntryKind.ADJUST: _("Correction: %(amount)s"),
    EntryKind.REFUND: _("Taken back %(amount)s"),
    EntryKind.EXPIRE: _("Expired: %(amount)s"),
}
# Of lines without a job that says what it makes.
PLAIN = {EntryKind.RESERVE: _("Reserved %(amount)s"), EntryKind.CHARGE: _("Charged %(amount)s")}
# The second step, where a job's exact price was not known at its submission.
EXACT = {
    EntryKind.RESERVE: _("Reserved %(amount)s more: the exact price is known"),
    EntryKind.GIVE_BACK: _("Given back %(amount)s: the exact price is lower"),
}


def sentence(entry: Entry) -> str:
    """Such as "Reserved 20 for lipsync-image"."""
    words = SENTENCES[entry.kind]
    if entry.reference.startswith(f"job:{entry.job_id}:exact:"):
        words = EXACT.get(entry.kind, words)
    elif not entry.model:
        words = PLAIN.get(entry.kind, words)
    return str(words) % {"amount": _amount(entry), "model": entry.model}


def rows(entries: list[Entry]) -> list[dict[str, Any]]:
    """Each line with its sentence, for templates/accounts/_ledger.html."""
    return [{"entry": entry, "sentence": sentence(entry)} for entry in entries]


def _amount(entry: Entry) -> str:
    change = entry.available_change or entry.reserved_change
    text = number_format(abs(change), use_l10n=True, force_grouping=True)
    return f"−{text}" if entry.kind == EntryKind.ADJUST and change < 0 else text
