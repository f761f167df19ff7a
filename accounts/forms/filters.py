"""What a team's ledger and its audit log are both narrowed by: a key, a person and days."""

from datetime import date
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Membership, Team, User
from lipsyncweb.http.numbers import row_number

KEYS_OFFERED = 200  # the newest


class Filter(forms.Form):
    """Read from the address. What makes no sense narrows nothing, and is said."""

    key = forms.ModelChoiceField(
        label=_("API key"), required=False, queryset=ApiKey.objects.none(), empty_label=_("Any")
    )
    person = forms.ModelChoiceField(
        label=_("Person"), required=False, queryset=User.objects.none(), empty_label=_("Anybody")
    )
    first = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, asked: Any, *, team: Team):
        super().__init__(asked)
        self.fields["key"].queryset = _keys(team, asked.get("key", ""))
        self.fields["person"].queryset = self._people(team, asked.get("person", ""))
        self.is_valid()

    @staticmethod
    def holds_person(team: Team, person: int) -> bool:
        """Whether they stand in what is filtered, so that they can be asked for although they have left."""
        raise NotImplementedError

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
    def asked_for(self) -> dict[str, Any]:
        """The fields that were filled in and make sense."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    def _people(self, team: Team, chosen: str) -> QuerySet[User]:
        """The team's members, and whoever is asked for and stands in what is filtered."""
        wanted = Q(pk__in=Membership.objects.filter(team=team).values("user"))
        asked = row_number(chosen)
        if asked is not None and self.holds_person(team, asked):
            wanted |= Q(pk=asked)
        return User.objects.filter(wanted).order_by("email")


def _sane(day: date | None) -> date | None:
    """The first and last of Python's years have no neighbours."""
    if day and not 2000 <= day.year < 9000:
        raise forms.ValidationError(_("There are no entries in that year; choose another day."))
    return day


def _keys(team: Team, chosen: str) -> QuerySet[ApiKey]:
    """The newest of the team's keys, and the one that is asked for, however old."""
    keys = ApiKey.objects.filter(team=team)
    offered = list(keys.values_list("pk", flat=True)[:KEYS_OFFERED])
    return keys.filter(Q(pk__in=offered) | Q(pk=row_number(chosen)))
