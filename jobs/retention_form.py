"""The form of a team's days."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from jobs import retention
from jobs.retention import Days


class RetentionForm(forms.Form):
    """Days within the site's own."""

    results = forms.IntegerField(label=_("Days that videos stay"), min_value=1)
    inputs = forms.IntegerField(label=_("Days that sent files stay after their last use"), min_value=1)
    also_here = forms.BooleanField(label=_("Also for what is here already"), required=False)

    def __init__(self, data: Any = None, *, now: Days):
        super().__init__(data, initial={"results": now.results, "inputs": now.inputs})
        most = retention.site()
        for name in ("results", "inputs"):
            number = self.fields[name]
            number.max_value = getattr(most, name)  # type: ignore[attr-defined]
            number.validators.append(forms.fields.validators.MaxValueValidator(getattr(most, name)))
            number.widget.attrs["max"] = getattr(most, name)
            number.help_text = _("From 1 to %(most)s.") % {"most": getattr(most, name)}

    @property
    def days(self) -> Days:
        return Days(self.cleaned_data["results"], self.cleaned_data["inputs"])
