"""Going through the pages of signing in, as a browser would, for the tests of several files."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import get_resolver, reverse

from accounts.models import User
from tests.conftest import PASSWORD

CODE = re.compile(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", re.MULTILINE)


@pytest.fixture
def production(settings, db):
    """Confirmation by code before the first login, as in production, and mail that can be read here."""
    get_resolver().url_patterns  # noqa: B018  (allauth's depend on the settings: read them before those change)
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def person(email: str = "ada@example.com") -> User:
    """Somebody with a password and a confirmed address."""
    user = User.objects.create_user(email, PASSWORD)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def sign_up(client: Client, email: str, **headers: str):
    values = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    return client.post(reverse("account_signup"), values, headers=headers or None)


def sign_in(client: Client, email: str, password: str = PASSWORD):
    return client.post(reverse("account_login"), {"login": email, "password": password})


def show_again(client: Client):
    return client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def mailed_code() -> str:
    return CODE.search(mail.outbox[-1].body)[0]


def is_in(client: Client) -> bool:
    return client.get(reverse("history")).status_code == 200


class Overtaking:
    """A password validator during which somebody else makes an account with the same address."""

    def validate(self, password: str, user: User) -> None:
        User.objects.create_user(user.email, password)

    def get_help_text(self) -> str:
        return "be quick"
