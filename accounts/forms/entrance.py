"""What the site adds to allauth's own forms for getting in."""

from allauth.account.forms import SignupForm as StockSignupForm
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.models import User


class SignupForm(StockSignupForm):
    """The stock form, which takes as long for an address that has an account as for a new one."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponseBase | None]:
        password = self.cleaned_data.get("password1")
        if self.account_already_exists:
            # A new account's password is hashed, and that is most of what signing up takes.
            User().set_password(password or None)
            return super().try_save(request)
        try:
            with transaction.atomic():  # nothing is mailed in it: that comes after the account is made
                return super().try_save(request)
        except IntegrityError:  # the same form, sent twice at once
            return self._taken_meanwhile(request)

    def _taken_meanwhile(self, request: HttpRequest) -> tuple[None, HttpResponseBase]:
        if settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory":
            self.account_already_exists = True
            return super().try_save(request)
        messages.error(request, _("There is an account with this address. Sign in to it."))
        return None, redirect("account_login")
