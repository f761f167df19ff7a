"""No page tells whether an address has an account: same answers, same work, and one mail either way."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.accounts import hashing
from tests.accounts.hashing import CountingHasher
from tests.accounts.signing_in import production as production
from tests.conftest import PASSWORD

KNOWN = "known@example.com"
UNCONFIRMED = "fresh@example.com"
PASSWORDLESS = "mails@example.com"
SWITCHED_OFF = "stops@example.com"
UNKNOWN = "other@example.com"  # all of one length


@pytest.fixture(autouse=True)
def _people(production, settings):
    settings.PASSWORD_HASHERS = [hashing.NAME]
    for email, password in [(KNOWN, PASSWORD), (PASSWORDLESS, None), (SWITCHED_OFF, PASSWORD)]:
        user = User.objects.create_user(email, password)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    User.objects.filter(email=SWITCHED_OFF).update(is_active=False)
    User.objects.create_user(UNCONFIRMED, PASSWORD)


class Visit:
    """One browser's requests about one address, as an onlooker sees the answers."""

    def __init__(self, email: str):
        self.email = email
        self.client = Client()
        self.seen: list[tuple] = []
        self.hashed = 0
        mail.outbox.clear()

    def post(self, name: str, **values: str) -> None:
        before = CountingHasher.done
        answer = self.client.post(reverse(name), {**values})
        self.hashed += CountingHasher.done - before
        self._note(answer)
        if answer.status_code == 302:
            self._note(self.client.get(answer.url))

    def look(self, *names: str) -> None:
        """Open these pages in the middle of it."""
        for name in names:
            self._note(self.client.get(reverse(name)))

    def _note(self, answer) -> None:
        body = answer.content.decode().replace(self.email, "ADDRESS")
        body = re.sub(r'(name="csrfmiddlewaretoken" value|nonce)="[^"]*"', r"\1", body)
        skipped = ("Expires", "Content-Security-Policy")  # the hour, and a nonce
        headers = {name: value for name, value in answer.headers.items() if name not in skipped}
        cookies = {
            name: sorted((key, value) for key, value in morsel.items() if key != "expires")
            for name, morsel in answer.cookies.items()
        }
        self.seen.append((answer.status_code, headers, cookies, body))


def signing_up(email: str) -> Visit:
    visit = Visit(email)
    visit.post("account_signup", email=email, password1="long words here", password2="long words here")
    return visit


def asking_for_a_code(email: str) -> Visit:
    visit = Visit(email)
    visit.post("account_request_login_code", email=email)
    return visit


def resetting(email: str) -> Visit:
    visit = Visit(email)
    visit.post("account_reset_password", email=email)
    return visit


def guessing(email: str) -> Visit:
    visit = Visit(email)
    visit.post("account_login", login=email, password="a wrong password")
    return visit


def assert_alike(known: Visit, unknown: Visit) -> None:
    assert len(known.seen) == len(unknown.seen)
    for one, other in zip(known.seen, unknown.seen, strict=True):
        assert one == other
    assert known.hashed == unknown.hashed


@pytest.mark.parametrize("email", [KNOWN, UNCONFIRMED, PASSWORDLESS, SWITCHED_OFF])
def test_sign_up_is_answered_alike(email):
    unknown = signing_up(UNKNOWN)
    assert [message.to for message in mail.outbox] == [[UNKNOWN]]
    known = signing_up(email)
    assert [message.to for message in mail.outbox] == [[email]]
    assert "Confirm your address" in unknown.seen[-1][-1]
    assert unknown.hashed == 1
    assert_alike(known, unknown)


def test_second_sign_up_at_once_is_answered_alike():
    visits = [signing_up(UNKNOWN), signing_up(KNOWN)]
    for visit in visits:
        again = signing_up(visit.email)
        visit.seen += again.seen
    assert visits[0].seen[-1][0] == 429
    assert_alike(visits[1], visits[0])


def test_refused_password_is_answered_alike():
    visits = [Visit(UNKNOWN), Visit(KNOWN)]
    for visit in visits:
        visit.post("account_signup", email=visit.email, password1="12qz", password2="zq21")
    assert "too short" in visits[0].seen[-1][-1]
    assert_alike(*visits)


def test_wrong_codes_of_a_sign_up_are_answered_alike():
    unknown, known = signing_up(UNKNOWN), signing_up(KNOWN)
    for visit in (unknown, known):
        for _ in range(4):
            visit.post("account_email_verification_sent", code="WRONG1")
    assert_alike(known, unknown)


@pytest.mark.parametrize("email", [KNOWN, UNCONFIRMED, PASSWORDLESS, SWITCHED_OFF])
def test_wrong_password_is_answered_alike(email):
    unknown = guessing(UNKNOWN)
    known = guessing(email)
    assert "are not correct" in unknown.seen[-1][-1]
    assert unknown.hashed == 1
    assert_alike(known, unknown)


def test_too_many_wrong_passwords_are_answered_alike():
    visits = [Visit(UNKNOWN), Visit(KNOWN)]
    for visit in visits:
        caches["default"].clear()  # both come from one place, which has a limit of its own
        for _ in range(6):
            visit.post("account_login", login=visit.email, password="a wrong password")
    assert "Too many failed" in visits[0].seen[-1][-1]
    assert_alike(*visits)


@pytest.mark.parametrize("email", [KNOWN, UNCONFIRMED, PASSWORDLESS, SWITCHED_OFF])
def test_asking_for_another_password_is_answered_alike(email):
    unknown = resetting(UNKNOWN)
    assert [message.to for message in mail.outbox] == [[UNKNOWN]]
    known = resetting(email)
    assert [message.to for message in mail.outbox] == [[email]]
    assert "Look into your mail" in unknown.seen[-1][-1]
    assert_alike(known, unknown)


@pytest.mark.parametrize("email", [KNOWN, UNCONFIRMED, PASSWORDLESS, SWITCHED_OFF])
def test_asking_for_a_code_is_answered_alike(email):
    unknown = asking_for_a_code(UNKNOWN)
    assert [message.to for message in mail.outbox] == [[UNKNOWN]]
    known = asking_for_a_code(email)
    assert [message.to for message in mail.outbox] == [[email]]
    for visit in (unknown, known):
        for _ in range(4):
            visit.post("account_confirm_login_code", code="WRONG1")
    assert_alike(known, unknown)


def test_changing_to_a_taken_address_is_answered_alike():
    answers = []
    for email in (UNKNOWN, UNCONFIRMED):
        visit = Visit(email)
        visit.client.post(reverse("account_login"), {"login": KNOWN, "password": PASSWORD})
        visit.client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
        visit.post("account_email", action_add="", email=email)
        visit.post("account_email_verification_sent", code="WRONG1")
        answers.append(visit)
        assert mail.outbox[-1].to == [email]
    assert_alike(*answers)


def test_passkey_login_asks_about_no_account():
    headers = {"accept": "application/json"}
    options = Client().get(reverse("mfa_login_webauthn"), headers=headers).json()["request_options"]
    assert not options["publicKey"].get("allowCredentials")


# What a person can open while a code is awaited.
PAGES = [
    "home",
    "account_login",
    "account_signup",
    "account_request_login_code",
    "account_reset_password",
    "history",
]
PAGES += [
    "account_email_verification_sent",
    "account_confirm_login_code",
    "mfa_authenticate",
    "account_email",
]


@pytest.mark.parametrize("begin", [signing_up, asking_for_a_code, resetting, guessing])
def test_pages_opened_meanwhile_are_alike(begin):
    visits = [begin(UNKNOWN), begin(KNOWN)]
    for visit in visits:
        visit.look(*PAGES)
    assert_alike(visits[1], visits[0])
