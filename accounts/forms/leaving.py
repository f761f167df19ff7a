"""What somebody types to show that they mean it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy


class TypedForm(forms.Form):
    """Valid when what is typed is the name that it asks for, whatever its case and the spaces around it."""

    typed = forms.CharField(
        max_length=254, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )

    def __init__(self, *args: Any, wanted: str, label: str, **options: Any):
        super().__init__(*args, **options)
        self.wanted = wanted
        self.fields["typed"].label = label

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed.strip().casefold() != self.wanted.strip().casefold():
            raise forms.ValidationError(
                gettext_lazy("That is something else. Type exactly: %(wanted)s"),
                params={"wanted": self.wanted},
            )
        return typed
