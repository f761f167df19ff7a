"""The second factor: an authenticator app, recovery codes, and what changes them."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.accounts.signing_in import is_in, mailed_code, person, show_again, sign_in
from tests.accounts.signing_in import production as production

pytestmark = pytest.mark.usefixtures("production")


def app_code(secret: str, steps: int = 0) -> str:
    """What an authenticator app shows for the secret, so many steps from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def enrolled() -> tuple[Client, str]:
    """Somebody signed in who set up an app a while ago, and its secret."""
    user = person()
    client = Client()
    sign_in(client, user.email)
    show_again(client)
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    # The code of the step before, which a phone that is slow shows: it cannot be used again.
    client.post(reverse("mfa_activate_totp"), {"code": app_code(secret, -1)})
    return client, secret


def half_in() -> Client:
    """A browser that gave the password and is asked for the rest."""
    client = Client()
    assert sign_in(client, "ada@example.com").url == reverse("mfa_authenticate")
    assert not is_in(client)
    return client


def recovery_codes(client: Client) -> list[str]:
    return client.get(reverse("mfa_download_recovery_codes")).content.decode().split()


def test_app_is_asked_for_after_the_password():
    _, secret = enrolled()
    client = half_in()
    client.post(reverse("mfa_authenticate"), {"code": app_code(secret)})
    assert is_in(client)


def test_app_is_asked_for_after_a_code_by_mail_and_another_password():
    enrolled()
    client = Client()
    client.post(reverse("account_request_login_code"), {"email": "ada@example.com"})
    answer = client.post(reverse("account_confirm_login_code"), {"code": mailed_code()})
    assert answer.url == reverse("mfa_authenticate")
    assert not is_in(client)


def test_code_of_an_app_works_once():
    _, secret = enrolled()
    code = app_code(secret)
    half_in().post(reverse("mfa_authenticate"), {"code": code})
    client = half_in()
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert not is_in(client)


def test_code_of_an_hour_ago_does_not_work():
    _, secret = enrolled()
    client = half_in()
    client.post(reverse("mfa_authenticate"), {"code": app_code(secret, -120)})
    assert not is_in(client)


def test_guessing_codes_is_stopped():
    _, secret = enrolled()
    client = half_in()
    for _ in range(5):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    answer = client.post(reverse("mfa_authenticate"), {"code": app_code(secret)})
    assert "Too many failed" in answer.content.decode()
    assert not is_in(client)


def test_recovery_code_stands_in_for_the_app_once():
    client, _ = enrolled()
    codes = recovery_codes(client)
    assert len(codes) == 10
    for expected in (True, False):
        other = half_in()
        other.post(reverse("mfa_authenticate"), {"code": codes[0]})
        assert is_in(other) is expected
    assert "9 of 10 are left" in client.get(reverse("mfa_index")).content.decode()


def test_new_recovery_codes_end_the_old():
    client, _ = enrolled()
    old = recovery_codes(client)
    client.post(reverse("mfa_generate_recovery_codes"))
    assert not set(old) & set(recovery_codes(client))
    other = half_in()
    other.post(reverse("mfa_authenticate"), {"code": old[0]})
    assert not is_in(other)


def test_secrets_are_encrypted_in_the_database():
    client, secret = enrolled()
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    for code in recovery_codes(client):
        assert code not in stored


@pytest.mark.django_db(transaction=True)
def test_each_change_is_told_by_mail():
    client, _ = enrolled()
    client.post(reverse("mfa_generate_recovery_codes"))
    client.post(reverse("mfa_deactivate_totp"))
    subjects = [message.subject for message in mail.outbox]
    assert "An authenticator app was set up" in subjects
    assert "New recovery codes were made" in subjects
    assert "The authenticator app was switched off" in subjects
    assert not Authenticator.objects.exists()


def test_person_with_a_second_factor_can_change_the_address():
    client, _ = enrolled()
    client.post(reverse("account_email"), {"action_add": "", "email": "lovelace@example.com"})
    client.post(reverse("account_email_verification_sent"), {"code": mailed_code()})
    assert Authenticator.objects.first().user.email == "lovelace@example.com"


def test_address_under_a_second_factor_stays_on_a_site_that_lets_in_unconfirmed_ones(settings):
    client, _ = enrolled()
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = False
    answer = client.post(reverse("account_email"), {"action_add": "", "email": "lovelace@example.com"})
    assert "cannot add an email address" in answer.content.decode()


def test_page_of_the_app_shows_its_picture_under_the_content_policy():
    user = person()
    client = Client()
    sign_in(client, user.email)
    show_again(client)
    page = client.get(reverse("mfa_activate_totp"))
    assert 'src="data:image/svg+xml' in page.content.decode()
    assert "img-src 'self' blob: data:" in page["Content-Security-Policy"]


def test_operator_with_a_second_factor_is_asked_for_it():
    user = enrolled()[0].get(reverse("history")).wsgi_request.user
    user.is_staff = True
    user.save()
    client = half_in()
    assert client.get(reverse("admin:index")).status_code == 302
