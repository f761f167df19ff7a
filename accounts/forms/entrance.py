"""What the site adds to allauth's own forms for getting in."""

from allauth.account.forms import SignupForm as StockSignupForm
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import User


class SignupForm(StockSignupForm):
    """The stock form, which takes as long for an address that has an account as for a new one."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponseBase | None]:
        password = self.cleaned_data.get("password1")
        if self.account_already_exists and password:
            # A new account's password is hashed, and that is most of what signing up takes.
            User().set_password(password)
        return super().try_save(request)
