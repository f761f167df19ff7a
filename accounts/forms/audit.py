"""What the audit log is searched by."""

from django import forms
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.audit_log import Wanted
from accounts.models import ApiKey, Membership, Team, User

KEYS_OFFERED = 200  # the newest


class AuditFilter(forms.Form):
    """Read from the address. What makes no sense in it is left out, since there is nothing to lose."""

    group = forms.ChoiceField(label=gettext_lazy("About"), required=False)
    person = forms.ModelChoiceField(
        label=gettext_lazy("Person"),
        queryset=User.objects.none(),
        required=False,
        empty_label=gettext_lazy("Anybody"),
    )
    key = forms.ModelChoiceField(
        label=gettext_lazy("API key"),
        queryset=ApiKey.objects.none(),
        required=False,
        empty_label=gettext_lazy("Any"),
    )
    first = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=gettext_lazy("To"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    text = forms.CharField(
        label=gettext_lazy("Name or address"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )

    def __init__(self, *args: object, team: Team, **options: object):
        super().__init__(*args, **options)
        self.fields["group"].choices = [("", gettext_lazy("Everything")), *audit.GROUPS.items()]
        members = Membership.objects.filter(team=team).values("user")
        self.fields["person"].queryset = User.objects.filter(pk__in=members).order_by("email")
        newest = ApiKey.objects.filter(team=team).values_list("pk", flat=True)[:KEYS_OFFERED]
        self.fields["key"].queryset = ApiKey.objects.filter(pk__in=list(newest))

    @property
    def wanted(self) -> Wanted:
        """What is looked for, by those fields that make sense."""
        self.is_valid()
        found = {name: value for name, value in self.cleaned_data.items() if value}
        person = found.pop("person", None)
        return Wanted(person=person.pk if person else None, **found)
