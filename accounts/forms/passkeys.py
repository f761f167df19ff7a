"""allauth's forms for passkeys, with a field that says its name in the visitor's language."""

from allauth.mfa.webauthn import forms as stock
from django import forms
from django.utils.translation import gettext_lazy as _


def _name() -> forms.CharField:
    return forms.CharField(
        label=_("Name"),
        required=False,
        max_length=100,
        help_text=_("To tell it from your others, such as “phone”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class AddPasskeyForm(stock.AddWebAuthnForm):
    """Signs in without a password unless the person says otherwise: that is what most come for."""

    name = _name()
    passwordless = forms.BooleanField(
        label=_("Sign in with it alone, without a password"),
        required=False,
        initial=True,
    )


class SignupPasskeyForm(stock.SignupWebAuthnForm):
    name = _name()


class EditPasskeyForm(stock.EditWebAuthnForm):
    name = forms.CharField(
        label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
