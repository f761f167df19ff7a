"""A login that waits for its next step, and what ends it."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import audit, leaving, operators
from accounts.models import User
from tests.accounts.signing_in import is_in, mailed_code, person
from tests.accounts.signing_in import production as production
from tests.accounts.test_sign_in_factors import app_code, enrolled, half_in

pytestmark = pytest.mark.usefixtures("production")
LINK = re.compile(r"https?://[^/]+(/\S+)")


def finish(client: Client, secret: str):
    return client.post(reverse("mfa_authenticate"), {"code": app_code(secret)})


def ada() -> User:
    return User.objects.get(email="ada@example.com")


def set_password() -> None:
    user = ada()
    user.set_password("another horse battery")
    user.save()


def off_and_on() -> None:
    operators.disable_person(ada())
    operators.enable_person(ada())


@pytest.mark.parametrize(
    "change",
    [
        lambda: operators.disable_person(ada()),
        off_and_on,
        set_password,
        lambda: leaving.delete_account(user=ada(), who=audit.Who()),
    ],
    ids=["off", "off_and_on", "password", "deleted"],
)
def test_login_that_waits_for_the_second_factor_ends_with_a_change_to_its_person(change):
    _, secret = enrolled()
    client = half_in()
    change()
    assert finish(client, secret).url == reverse("account_login")
    assert not is_in(client)


def test_login_that_waits_goes_on_over_several_pages():
    _, secret = enrolled()
    client = half_in()
    client.get(reverse("mfa_authenticate"))
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    finish(client, secret)
    assert is_in(client)


@pytest.mark.parametrize("change", [off_and_on, lambda: ada().delete()], ids=["off_and_on", "deleted"])
def test_mailed_code_ends_with_a_change_to_its_person(change):
    person()
    client = Client()
    client.post(reverse("account_request_login_code"), {"email": "ada@example.com"})
    change()
    answer = client.post(reverse("account_confirm_login_code"), {"code": mailed_code()})
    assert answer.status_code == 302
    assert not is_in(client)


def test_session_of_before_does_not_open_when_the_account_is_switched_on_again():
    client, _ = enrolled()
    assert is_in(client)
    off_and_on()
    assert not is_in(client)


@pytest.mark.parametrize(
    "change", [lambda: operators.disable_person(ada()), off_and_on], ids=["off", "on_again"]
)
def test_link_asked_for_before_switching_off_sets_no_password(change):
    person()
    client = Client()
    client.post(reverse("account_reset_password"), {"email": "ada@example.com"})
    path = LINK.search(mail.outbox[-1].body)[1]
    change()
    answer = client.get(path, follow=True)
    client.post(
        answer.request["PATH_INFO"], {"password1": "evil horse battery", "password2": "evil horse battery"}
    )
    assert not ada().check_password("evil horse battery")


def test_link_sets_a_password_as_long_as_nothing_happened():
    person()
    client = Client()
    client.post(reverse("account_reset_password"), {"email": "ada@example.com"})
    answer = client.get(LINK.search(mail.outbox[-1].body)[1], follow=True)
    client.post(
        answer.request["PATH_INFO"], {"password1": "good horse battery", "password2": "good horse battery"}
    )
    assert ada().check_password("good horse battery")
    assert EmailAddress.objects.filter(user=ada()).exists()
