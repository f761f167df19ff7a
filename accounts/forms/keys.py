"""Forms of the accounts' own pages; allauth brings the rest."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import keys
from accounts.models import ApiKey


class KeyForm(forms.ModelForm):
    """Names a new key, and says whether it is for tests."""

    is_test = forms.BooleanField(label=_("A test key: free jobs, sample results"), required=False)

    class Meta:
        model = ApiKey
        fields = ["name"]
        labels = {"name": _("Name")}
        help_texts = {"name": _("What will use it, such as “nightly batch”. For your eyes only.")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            keys.check_name(name)
        except keys.BadName as error:
            raise forms.ValidationError(str(error)) from error
        return name
