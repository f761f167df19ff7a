"""What the credits pages are asked with: what usage to draw, which lines to show, and a purse's cap and alert."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import ledger, usage
from accounts.models import ApiKey, Entry, Membership, Team, User
from accounts.models.ledger import EntryKind, PurseKind
from accounts.statement import Wanted
from lipsyncweb.http.numbers import row_number

KEYS_OFFERED = 200  # the newest
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


class LedgerForm(forms.Form):
    """Which lines of the ledger, read from the address. What makes no sense narrows nothing, and is said."""

    purse = forms.ChoiceField(
        label=_("Balance"), required=False, choices=[("", _("Both")), *PurseKind.choices]
    )
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("Everything")), *EntryKind.choices]
    )
    key = forms.ModelChoiceField(
        label=_("API key"), required=False, queryset=ApiKey.objects.none(), empty_label=_("Any")
    )
    person = forms.ModelChoiceField(
        label=_("Person"), required=False, queryset=User.objects.none(), empty_label=_("Anybody")
    )
    first = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    job = forms.UUIDField(
        label=_("Job"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"invalid": _("This is no job's id; copy it from the job's page.")},
    )

    def __init__(self, asked: Any, *, team: Team):
        super().__init__(asked)
        self.fields["key"].queryset = _keys(team, asked.get("key", ""))
        self.fields["person"].queryset = _people(team, asked.get("person", ""))
        self.is_valid()

    def clean_first(self) -> date | None:
        return _sane(self.cleaned_data["first"])

    def clean_last(self) -> date | None:
        return _sane(self.cleaned_data["last"])

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and first > last:
            self.add_error("last", _("The last day is before the first; swap them."))
        return self.cleaned_data

    @property
    def wanted(self) -> Wanted:
        """What is looked for, by the fields that make sense."""
        return Wanted(**{name: value for name, value in self.cleaned_data.items() if value})


def _sane(day: date | None) -> date | None:
    """The first and last of Python's years have no neighbours."""
    if day and not 2000 <= day.year < 9000:
        raise forms.ValidationError(_("There are no entries in that year; choose another day."))
    return day


def _keys(team: Team, chosen: str) -> Any:
    """The newest of the team's keys, and the one that is asked for, however old."""
    keys = ApiKey.objects.filter(team=team)
    offered = list(keys.values_list("pk", flat=True)[:KEYS_OFFERED])
    return keys.filter(Q(pk__in=offered) | Q(pk=row_number(chosen)))


def _people(team: Team, chosen: str) -> Any:
    """The team's members, and whoever is asked for and stands in its ledger, although they have left."""
    members = Membership.objects.filter(team=team).values("user")
    asked = row_number(chosen)
    known = asked is not None and Entry.objects.filter(purse__team=team, person=asked).exists()
    return User.objects.filter(Q(pk__in=members) | Q(pk__in=[asked] if known else [])).order_by("email")


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
