"""What the audit log is searched by."""

from django import forms
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.audit.log import Wanted
from accounts.forms.filters import Filter
from accounts.models import AuditEvent, Team


class AuditFilter(Filter):
    """Which events, read from the address."""

    group = forms.ChoiceField(
        label=gettext_lazy("About"),
        required=False,
        choices=[("", gettext_lazy("Everything")), *audit.GROUPS.items()],
    )
    text = forms.CharField(
        label=gettext_lazy("Name or address"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )

    field_order = ("group", "person", "key", "first", "last", "text")

    @staticmethod
    def holds_person(team: Team, person: int) -> bool:
        # Which operator it was is the site's own affair.
        return AuditEvent.objects.filter(team=team, person=person, by_operator=False).exists()

    @property
    def wanted(self) -> Wanted:
        """What is looked for, by the fields that make sense."""
        return Wanted(**self.asked_for)
