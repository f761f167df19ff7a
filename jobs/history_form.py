"""What the history is narrowed by, read from its address."""

from datetime import date

from django import forms
from django.utils import formats
from django.utils.translation import gettext_lazy as _

from accounts.forms.filters import Filter
from accounts.models import Team
from jobs import catalog
from jobs.history import Wanted
from jobs.models import State
from jobs.queries import of_team

STATUSES = [
    ("", _("Any")),
    ("active", _("In progress")),
    *((state.value, state.label) for state in (State.COMPLETED, State.FAILED, State.CANCELED)),
]


def models() -> list[tuple[str, str]]:
    return [("", str(_("Any"))), *((slug, str(spec.title)) for slug, spec in catalog.MODELS.items())]


class HistoryFilter(Filter):
    """Which jobs. What makes no sense narrows nothing, and is said."""

    text = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"type": "search", "data-search": "", "placeholder": _("Name, words or id")}
        ),
    )
    status = forms.ChoiceField(label=_("Status"), required=False, choices=STATUSES)
    model = forms.ChoiceField(label=_("Model"), required=False, choices=models)

    field_order = ("text", "status", "model", "person", "key", "first", "last")

    @staticmethod
    def holds_person(team: Team, person: int) -> bool:
        return of_team(team).filter(person=person).exists()

    @property
    def wanted(self) -> Wanted:
        """What is looked for, by the fields that make sense."""
        return Wanted(**self.asked_for)

    @property
    def chosen(self) -> list[tuple[str, str, str]]:
        """Each filter that is set: its name, its label and its value in words."""
        return [
            (name, str(self.fields[name].label), self._words(name, value))
            for name, value in self.asked_for.items()
        ]

    def _words(self, name: str, value: object) -> str:
        if isinstance(value, date):
            return formats.date_format(value, "DATE_FORMAT")
        named = {"status": STATUSES, "model": models()}.get(name, [])
        return str(dict(named).get(value, value))
