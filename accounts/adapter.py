"""What allauth asks of this site."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import mail, names
from accounts.models import User
from accounts.teams import invitations
from lipsyncweb.secretbox import seal, unseal

log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Who may sign up, and mail whose links lead to SITE_URL whatever host the request named."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.ACCOUNT_SIGNUP == "invited":
            return invitations.waiting_in(request.session) is not None
        return settings.ACCOUNT_SIGNUP == "open"

    def new_user(self, request: HttpRequest) -> User:
        # Not the database's default: a person who is not saved yet is put into the session between two pages.
        return User(language="")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send, or say that mail does not work: the same words whether or not the address has an account."""
        told = {"site_url": settings.SITE_URL, "signup_is_open": settings.ACCOUNT_SIGNUP == "open", **context}
        try:
            super().send_mail(template_prefix, email, told)
        except mail.UNREACHABLE:
            log.exception("Mail of the kind %s could not be sent.", template_prefix)
            words = _("The site could not send its mail just now. Try again in a few minutes.")
            messages.error(self.request, words)

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", key)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: EmailConfirmation) -> str:
        return settings.SITE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirm, unless another account was made with the address since the mail was sent."""
        others = User.objects.filter(email__iexact=email_address.email).exclude(pk=email_address.user_id)
        if not others.exists():
            return super().confirm_email(request, email_address)
        self.add_message(
            request,
            messages.ERROR,
            "account/messages/email_confirmation_failed.txt",
            {"email": email_address.email},
        )
        return False


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Knows the other sites that the settings give keys of, and takes the name that they give for a person."""

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        try:
            return super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist as error:
            raise Http404(f"There is no login by {provider} here.") from error

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        told = (sociallogin.user.email, *(each.email for each in sociallogin.email_addresses))
        email = next((each for each in told if each), "")
        if email and not invitations.lets_sign_up(request.session, email):
            return False
        return super().is_open_for_signup(request, sociallogin)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        parts = [data.get("first_name"), data.get("last_name")]
        name = data.get("name") or " ".join(part for part in parts if part)
        user.name = names.of_stranger(name)
        return user


class MFAAdapter(DefaultMFAAdapter):
    """Second factors' secrets are encrypted before they reach the database."""

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)

    def _get_site_name(self) -> str:
        return settings.MFA_TOTP_ISSUER
