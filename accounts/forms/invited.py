"""What every way of signing up has in common here: a site for invited people lets in whom the mail was for."""

from typing import Any

from allauth.core import context
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.teams import invitations


class InvitedForm(forms.Form):
    """allauth builds its forms for signing up on this one (ACCOUNT_SIGNUP_FORM_CLASS)."""

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        email = told.get("email")
        if email and not invitations.lets_sign_up(context.request.session, email):
            self.add_error("email", _("The invitation is for another address: sign up with that one."))
        return told

    def signup(self, request: HttpRequest, user: User) -> None:
        """Asked for by allauth; nothing is added to what its forms do."""
