"""Forms of the API keys' pages."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import ledger, names
from accounts.keys import limits as key_limits
from accounts.keys.limits import Limits
from accounts.models import ApiKey

YEARS = 100
CHOICES = {
    "at once": timedelta(),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
LONGEST_OVERLAP = 90  # days


class NameForm(forms.ModelForm):
    """What a key is called."""

    class Meta:
        model = ApiKey
        fields = ["name"]
        labels = {"name": gettext_lazy("Name")}
        help_texts = {"name": gettext_lazy("What will use it, such as “nightly batch”. Shown to your team.")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            return names.printable(name)
        except names.BadName as error:
            raise forms.ValidationError(str(error)) from error


class LimitsForm(forms.Form):
    """What a key may do, of what the site offers and the team may. Every field may stay empty."""

    allowed_models = forms.MultipleChoiceField(
        label=gettext_lazy("Models"), required=False, widget=forms.CheckboxSelectMultiple
    )
    resolutions = forms.MultipleChoiceField(
        label=gettext_lazy("Resolutions"), required=False, widget=forms.CheckboxSelectMultiple
    )
    daily_credits = forms.IntegerField(
        label=gettext_lazy("Credits a day"),
        help_text=gettext_lazy("A day is one of UTC. What a failed job gives back counts no longer."),
        required=False,
        min_value=1,
        max_value=ledger.MOST,
    )
    total_credits = forms.IntegerField(
        label=gettext_lazy("Credits in all"),
        help_text=gettext_lazy("For the key's whole life."),
        required=False,
        min_value=1,
        max_value=ledger.MOST,
    )
    requests_a_minute = forms.IntegerField(
        label=gettext_lazy("Requests a minute"),
        help_text=gettext_lazy("Where the site's own limit is lower, that one holds."),
        required=False,
        min_value=1,
        max_value=2**31 - 1,
    )
    expires_on = forms.DateField(
        label=gettext_lazy("Last day"),
        help_text=gettext_lazy("It opens nothing after this day, in UTC."),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    addresses = forms.CharField(
        label=gettext_lazy("Allowed addresses"),
        help_text=gettext_lazy(
            "IPv4 and IPv6 addresses and networks, such as 203.0.113.7 or 2001:db8::/32, one a line. "
            "From anywhere else the key is refused."
        ),
        required=False,
        max_length=5000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, limits: Limits | None = None, is_test: bool = False, **kwargs: Any):
        self.before = limits or key_limits.NO_LIMITS
        super().__init__(*args, initial=_initial(self.before), **kwargs)
        self._offer("allowed_models", key_limits.models(), self.before.allowed_models)
        self._offer("resolutions", key_limits.resolutions(), self.before.resolutions)
        if is_test:  # its jobs cost nothing
            del self.fields["daily_credits"], self.fields["total_credits"]

    def _offer(self, name: str, choices: Sequence[tuple[str, Any]], chosen: Sequence[str]) -> None:
        """What there is, and what this key has of what there was: a model that left the site stays named."""
        known = {value for value, _label in choices}
        gone = [(value, value) for value in chosen if value not in known]
        self.fields[name].choices = [*choices, *gone]  # type: ignore[attr-defined]

    def clean_addresses(self) -> tuple[str, ...]:
        try:
            return key_limits.read_addresses(self.cleaned_data["addresses"])
        except key_limits.BadAddress as error:
            raise forms.ValidationError(str(error)) from error

    def clean_expires_on(self) -> date | None:
        day: date | None = self.cleaned_data["expires_on"]
        if day is None or day == _last_day(self.before.expires_at):
            return day
        today = timezone.now().date()
        if not today <= day < today + timedelta(days=366 * YEARS):
            raise forms.ValidationError(_("Choose a day from today on, within a hundred years."))
        return day

    def limits(self) -> Limits:
        """Of a form that is valid."""
        data = self.cleaned_data
        return Limits(
            expires_at=self._expires_at(data["expires_on"]),
            allowed_models=tuple(data["allowed_models"]),
            resolutions=tuple(data["resolutions"]),
            addresses=data["addresses"],
            requests_a_minute=data["requests_a_minute"],
            daily_credits=data.get("daily_credits"),
            total_credits=data.get("total_credits"),
        )

    def _expires_at(self, day: date | None) -> datetime | None:
        """The end of the day; the very moment that it was before where nobody changed the day."""
        if day is None:
            return None
        if day == _last_day(self.before.expires_at):
            return self.before.expires_at
        return datetime.combine(day, time(), UTC) + timedelta(days=1)


class KeyForm(NameForm):
    """Names a new key, and says whether it is for tests."""

    is_test = forms.BooleanField(label=gettext_lazy("A test key: free jobs, sample results"), required=False)


class RollForm(forms.Form):
    """How long the old key goes on opening, beside the one that takes its place."""

    overlap = forms.ChoiceField(
        label=gettext_lazy("The old key ends"),
        choices=[
            ("at once", gettext_lazy("at once")),
            ("hour", gettext_lazy("in an hour")),
            ("day", gettext_lazy("in 24 hours")),
            ("week", gettext_lazy("in 7 days")),
            ("days", gettext_lazy("in as many days as I say")),
        ],
        initial="day",
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        help_text=gettext_lazy("For the last choice alone: 1 to 90."),
        required=False,
        min_value=1,
        max_value=LONGEST_OVERLAP,
    )

    def clean(self) -> None:
        super().clean()
        asked = self.cleaned_data.get("overlap") == "days"
        if asked and not self.cleaned_data.get("days") and "days" not in self.errors:
            self.add_error("days", _("Say in how many days, 1 to 90."))

    def length(self) -> timedelta:
        """Of a form that is valid."""
        chosen = self.cleaned_data["overlap"]
        return timedelta(days=self.cleaned_data["days"]) if chosen == "days" else CHOICES[chosen]


def _last_day(expires_at: datetime | None) -> date | None:
    return (expires_at - timedelta(microseconds=1)).date() if expires_at else None


def _initial(limits: Limits) -> dict[str, Any]:
    return {
        **limits.columns(),
        "addresses": "\n".join(limits.addresses),
        "expires_on": _last_day(limits.expires_at),
    }
