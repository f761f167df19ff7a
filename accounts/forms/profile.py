"""The form about oneself."""

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts import names
from accounts.models import User


class ProfileForm(forms.ModelForm):
    """A person's name, and the language of the site and of its mail to them."""

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = User
        fields = ["name"]
        labels = {"name": _("Your name")}
        help_texts = {"name": _("What your team sees beside what you do; without one, your e-mail address.")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}

    def clean_name(self) -> str:
        try:
            return names.check(self.cleaned_data["name"])
        except names.BadName as error:
            raise forms.ValidationError(str(error)) from error

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        user.language = self.cleaned_data["language"]
        if commit:
            user.save(update_fields=["name", "language"])
        return user
