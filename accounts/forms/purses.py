"""What the credits pages are asked with: what usage to draw, which lines to show, and a purse's cap and alert."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import ledger
from accounts.forms.filters import Filter
from accounts.ledger import usage
from accounts.ledger.statement import Wanted
from accounts.models import Entry, Team
from accounts.models.ledger import EntryKind, PurseKind

DAYS = {"7": _("7 days"), "30": _("30 days"), "90": _("90 days")}


class UsageForm(forms.Form):
    """Read from the address. What makes no sense in it is the default."""

    purse = forms.ChoiceField(label=_("Balance"), choices=PurseKind.choices)
    days = forms.ChoiceField(label=_("Time"), choices=list(DAYS.items()))
    by = forms.ChoiceField(
        label=_("Told apart by"), choices=[(name, each.label) for name, each in usage.DIMENSIONS.items()]
    )

    defaults = {"purse": PurseKind.API.value, "days": "30", "by": "model"}

    def __init__(self, asked: Any, *, purse: str = PurseKind.API):
        self.defaults = {**UsageForm.defaults, "purse": purse}
        known = {name: asked.get(name, "") for name in self.defaults}
        data = {
            name: value if value in dict(self.base_fields[name].choices) else self.defaults[name]
            for name, value in known.items()
        }
        super().__init__(data)
        self.is_valid()

    @property
    def span(self) -> tuple[date, date]:
        """The first and the last day, in UTC; the last is today."""
        last = timezone.now().date()
        return last - timedelta(days=int(self.cleaned_data["days"]) - 1), last


class LedgerForm(Filter):
    """Which lines of the ledger, read from the address."""

    purse = forms.ChoiceField(
        label=_("Balance"), required=False, choices=[("", _("Both")), *PurseKind.choices]
    )
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("Everything")), *EntryKind.choices]
    )
    job = forms.UUIDField(
        label=_("Job"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"invalid": _("This is no job's id; copy it from the job's page.")},
    )

    field_order = ("purse", "kind", "key", "person", "first", "last", "job")

    @staticmethod
    def holds_person(team: Team, person: int) -> bool:
        return Entry.objects.filter(purse__team=team, person=person).exists()

    @property
    def wanted(self) -> Wanted:
        """What is looked for, by the fields that make sense."""
        return Wanted(**self.asked_for)


def _credits(label: Any, help_text: Any) -> forms.IntegerField:
    attrs = {"inputmode": "numeric", "autocomplete": "off"}
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=False,
        min_value=0,
        max_value=ledger.MOST,
        widget=forms.NumberInput(attrs=attrs),
    )


class LimitsForm(forms.Form):
    """A purse's cap and its alert."""

    monthly_cap = _credits(
        _("Most that may be spent in a month"),
        _("Credits in a calendar month (UTC). Empty: as many as there are."),
    )
    alert_below = _credits(
        _("Send a mail below"),
        _("Owners and administrators are told once when fewer credits are left. Empty: no mail."),
    )
