"""Signing up and in: confirmation, codes, forgotten passwords, a change of address, sessions, limits and mail."""

import os
import re
import subprocess
import sys

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as site
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.models import User
from accounts.teams import invitations
from lipsyncweb import checks
from tests.accounts.signing_in import is_in, mailed_code, person, show_again, sign_in, sign_up
from tests.accounts.signing_in import production as production
from tests.conftest import PASSWORD

CONFIRM = "account_email_verification_sent"
pytestmark = pytest.mark.usefixtures("production")


def test_sign_up_waits_for_the_code_and_goes_on_from_there():
    client = Client()
    assert sign_up(client, "ada@example.com").url == reverse(CONFIRM)
    assert not is_in(client)
    client.post(reverse(CONFIRM), {"code": mailed_code()})
    assert is_in(client)
    user = User.objects.get()
    assert EmailAddress.objects.get(user=user).verified
    assert user.first_team.memberships.get().user == user


@pytest.fixture
def overtaken(settings):
    """Another request makes an account with the address while the first is looked at."""
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": "tests.accounts.signing_in.Overtaking"}]


def test_form_sent_twice_at_once_makes_one_account(overtaken):
    assert sign_up(Client(), "ada@example.com").url == reverse(CONFIRM)
    assert User.objects.count() == 1
    assert [message.subject for message in mail.outbox] == ["You have an account at lipsyncweb"]


def test_form_sent_twice_at_once_on_a_local_site_leads_to_signing_in(settings, overtaken):
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = False
    assert sign_up(Client(), "ada@example.com").url == reverse("account_login")
    assert User.objects.count() == 1


def test_three_wrong_codes_end_a_confirmation():
    client = Client()
    sign_up(client, "ada@example.com")
    code = mailed_code()
    for _ in range(3):
        client.post(reverse(CONFIRM), {"code": "WRONG1"})
    client.post(reverse(CONFIRM), {"code": code})
    assert not is_in(client)
    assert not EmailAddress.objects.get().verified


def test_old_code_confirms_nothing(settings):
    client = Client()
    sign_up(client, "ada@example.com")
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = -1
    client.post(reverse(CONFIRM), {"code": mailed_code()})
    assert not is_in(client)


def test_code_of_another_browser_confirms_nothing():
    sign_up(Client(), "ada@example.com")
    other = Client()
    other.post(reverse(CONFIRM), {"code": mailed_code()})
    assert not is_in(other)


def test_password_of_an_unconfirmed_account_asks_for_a_new_code(settings):
    settings.ACCOUNT_RATE_LIMITS = {"confirm_email": None}  # one mail in ten seconds
    sign_up(Client(), "ada@example.com")
    old = mailed_code()
    client = Client()
    assert sign_in(client, "ada@example.com").url == reverse(CONFIRM)
    assert mailed_code() != old
    client.post(reverse(CONFIRM), {"code": mailed_code()})
    assert is_in(client)


def test_code_by_mail_signs_in_once():
    person()
    client = Client()
    client.post(reverse("account_request_login_code"), {"email": "ada@example.com"})
    code = mailed_code()
    client.post(reverse("account_confirm_login_code"), {"code": code.lower().replace("-", "")})
    assert is_in(client)
    client.logout()
    client.post(reverse("account_confirm_login_code"), {"code": code})
    assert not is_in(client)


def test_three_wrong_codes_end_a_login():
    person()
    client = Client()
    client.post(reverse("account_request_login_code"), {"email": "ada@example.com"})
    code = mailed_code()
    for _ in range(3):
        client.post(reverse("account_confirm_login_code"), {"code": "WRONG1"})
    client.post(reverse("account_confirm_login_code"), {"code": code})
    assert not is_in(client)


def test_old_code_signs_nobody_in(settings):
    person()
    client = Client()
    client.post(reverse("account_request_login_code"), {"email": "ada@example.com"})
    settings.ACCOUNT_LOGIN_BY_CODE_TIMEOUT = -1
    client.post(reverse("account_confirm_login_code"), {"code": mailed_code()})
    assert not is_in(client)


def link_in_mail(settings) -> str:
    [address] = re.findall(rf"^{settings.SITE_URL}(/\S+key/\S+)$", mail.outbox[-1].body, re.MULTILINE)
    return address


def test_forgotten_password_is_replaced_once_and_signs_out_the_rest(settings):
    person()
    thief = Client()
    sign_in(thief, "ada@example.com")
    client = Client()
    client.post(reverse("account_reset_password"), {"email": "ADA@example.com"})
    link = link_in_mail(settings)
    form = client.get(link).url
    values = {"password1": "another long one", "password2": "another long one"}
    assert client.post(form, values).url == reverse("account_reset_password_from_key_done")
    assert not is_in(thief)
    assert sign_in(client, "ada@example.com").status_code == 200  # the old one
    sign_in(client, "ada@example.com", "another long one")
    assert is_in(client)
    assert "This link no longer works" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize("password", ["short", "password123", "ada@example.com"])
def test_weak_password_is_refused(password):
    values = {"email": "ada@example.com", "password1": password, "password2": password}
    assert Client().post(reverse("account_signup"), values).status_code == 200
    assert not User.objects.exists()


def change_address(client: Client, email: str):
    return client.post(reverse("account_email"), {"action_add": "", "email": email})


def test_address_changes_when_the_new_one_is_confirmed_and_the_old_one_is_told():
    user = person()
    client = Client()
    sign_in(client, user.email)
    show_again(client)
    change_address(client, "lovelace@example.com")
    assert mail.outbox[-1].to == ["lovelace@example.com"]
    user.refresh_from_db()
    assert user.email == "ada@example.com"
    client.post(reverse(CONFIRM), {"code": mailed_code()})
    user.refresh_from_db()
    assert user.email == "lovelace@example.com"
    assert [address.email for address in user.emailaddress_set.all()] == ["lovelace@example.com"]
    assert mail.outbox[-1].to == ["ada@example.com"]
    assert "from ada@example.com to lovelace@example.com" in mail.outbox[-1].body


def test_address_changes_only_for_who_shows_again_who_they_are():
    user = person()
    client = Client()
    sign_in(client, user.email)
    assert change_address(client, "lovelace@example.com").url.startswith(reverse("account_reauthenticate"))
    assert mail.outbox == []


def test_address_that_another_made_an_account_with_meanwhile_is_left_to_them():
    user = person()
    client = Client()
    sign_in(client, user.email)
    show_again(client)
    change_address(client, "lovelace@example.com")
    code = mailed_code()
    sign_up(Client(), "lovelace@example.com")
    client.post(reverse(CONFIRM), {"code": code})
    user.refresh_from_db()
    assert user.email == "ada@example.com"


def test_link_confirms_an_address_on_a_local_site(settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = False
    client = Client()
    sign_up(client, "ada@example.com")
    assert is_in(client)
    [link] = re.findall(rf"^{settings.SITE_URL}(/\S+)$", mail.outbox[0].body, re.MULTILINE)
    assert "Is ada@example.com yours" in client.get(link).content.decode()
    client.post(link)
    assert EmailAddress.objects.get().verified
    assert "run out" in client.get(f"{link[:-3]}x/").content.decode()


def test_links_in_mail_lead_to_the_site_whatever_host_was_asked(settings):
    settings.ALLOWED_HOSTS = ["testserver", "evil.example.net"]
    person()
    Client(headers={"host": "evil.example.net"}).post(
        reverse("account_reset_password"), {"email": "ada@example.com"}
    )
    assert "evil" not in mail.outbox[-1].body
    assert link_in_mail(settings)


def test_session_is_another_one_after_signing_in():
    person()
    client = Client()
    session = client.session
    session["kept"] = 1
    session.save()
    before = session.session_key
    sign_in(client, "ada@example.com")
    assert client.session.session_key != before
    assert not Client().session.exists(before)


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(settings):
    person()
    client = Client()
    morsel = sign_in(client, "ada@example.com").cookies[settings.SESSION_COOKIE_NAME]
    assert morsel["httponly"]
    assert morsel["samesite"] == "Lax"


def test_guessing_is_stopped_and_the_right_password_with_it():
    person()
    client = Client()
    for _ in range(5):
        sign_in(client, "ada@example.com", "a wrong password")
    assert "Too many failed" in sign_in(client, "ada@example.com").content.decode()
    assert not is_in(client)


def test_flood_of_sign_ups_from_one_address_is_stopped():
    answers = [sign_up(Client(), f"person{number}@example.com") for number in range(21)]
    assert [answer.status_code for answer in answers] == [302] * 20 + [429]
    assert "Too many attempts" in answers[-1].content.decode()


def test_switched_off_person_is_told_so_and_not_let_in():
    user = person()
    User.objects.filter(pk=user.pk).update(is_active=False)
    client = Client()
    assert sign_in(client, user.email).url == reverse("account_inactive")
    assert not is_in(client)


def test_operator_signs_in_like_everybody():
    client = Client()
    page = client.get(reverse("admin:index"), follow=True)
    assert page.request["PATH_INFO"] == reverse("account_login")


@pytest.mark.parametrize("closed", ["closed", "invited"])
def test_closed_site_takes_no_sign_up_and_offers_none(settings, closed):
    settings.ACCOUNT_SIGNUP = closed
    answer = sign_up(Client(), "ada@example.com")
    assert "No new accounts" in answer.content.decode()
    assert not User.objects.exists()
    for name in ("home", "account_login"):
        assert reverse("account_signup") not in Client().get(reverse(name)).content.decode()
    Client().post(reverse("account_request_login_code"), {"email": "ada@example.com"})
    assert reverse("account_signup") not in mail.outbox[-1].body


def test_invited_person_may_sign_up_where_others_may_not(owner, settings):
    settings.ACCOUNT_SIGNUP = "invited"
    invitation, token = invitations.invite(actor=owner.membership, role="member", who=audit.Who())
    client = Client()
    client.get(reverse("join_link", args=[token]))
    assert "Make an account" in client.get(reverse("account_login")).content.decode()
    invitations.revoke(actor=owner.membership, invitation_id=invitation.pk, who=audit.Who())
    assert "No new accounts" in sign_up(client, "ada@example.com").content.decode()

    _, token = invitations.invite(actor=owner.membership, role="member", who=audit.Who())
    client.get(reverse("join_link", args=[token]))
    assert sign_up(client, "ada@example.com").status_code == 302
    assert User.objects.filter(email="ada@example.com").exists()


def test_mailed_invitation_signs_up_its_own_address_alone(owner, settings):
    settings.ACCOUNT_SIGNUP = "invited"
    _, token = invitations.invite(
        actor=owner.membership, email="bob@example.com", role="member", who=audit.Who()
    )
    for email in ("eva@example.com", "ada@example.com"):
        client = Client()
        client.get(reverse("join_link", args=[token]))
        assert "for another address" in sign_up(client, email).content.decode()
        assert not User.objects.filter(email=email).exists()
    sign_up(client, "Bob@example.com")
    assert User.objects.filter(email="bob@example.com").exists()


def test_mail_that_cannot_be_sent_is_said_and_nothing_breaks(settings, unused_port):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
    person()
    pages = []
    for email in ("ada@example.com", "eva@example.com"):
        answer = Client().post(reverse("account_reset_password"), {"email": email}, follow=True)
        assert answer.status_code == 200
        pages.append(re.sub(r'(nonce|value)="[^"]*"', "", answer.content.decode()))
    assert "could not send its mail" in pages[0]
    assert pages[0] == pages[1]


def test_mail_speaks_the_language_of_the_page():
    user = person()
    client = Client(headers={"accept-language": "ru"})
    sign_in(client, user.email)
    values = {"oldpassword": PASSWORD, "password1": "another long one", "password2": "another long one"}
    client.post(reverse("account_change_password"), values)
    assert re.search(r"\d{4} г\.", mail.outbox[-1].body)


def test_mail_names_the_site_and_no_example():
    person()
    sign_up(Client(), "new@example.org")
    sign_up(Client(), "ada@example.com")
    for email in ("ada@example.com", "nobody@example.org"):
        Client().post(reverse("account_request_login_code"), {"email": email})
        Client().post(reverse("account_reset_password"), {"email": email})
    client = Client()
    sign_in(client, "ada@example.com")
    values = {"oldpassword": PASSWORD, "password1": "another long one", "password2": "another long one"}
    client.post(reverse("account_change_password"), values)
    assert len(mail.outbox) == 7
    for message in mail.outbox:
        assert "lipsyncweb" in message.subject + message.body
        assert "testserver" not in message.body
        assert "&" not in message.body
        assert message.body.count("\n\n\n") == 0, message.body
        assert 10 < len(message.subject) < 70


def test_changed_password_is_told_with_where_from():
    user = person()
    client = Client(headers={"user-agent": "Firefox & Co"})
    sign_in(client, user.email)
    values = {"oldpassword": PASSWORD, "password1": "another long one", "password2": "another long one"}
    client.post(reverse("account_change_password"), values)
    [message] = mail.outbox
    assert message.subject == "Your password was changed"
    assert "127.0.0.1" in message.body
    assert "Firefox & Co" in message.body


def test_start_warns_of_production_without_confirmed_addresses(settings):
    settings.LIPSYNCWEB_MODE = "production"
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    assert "lipsyncweb.W002" in {message.id for message in checks.production_is_safe(None)}
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    assert "lipsyncweb.W002" not in {message.id for message in checks.production_is_safe(None)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCOUNT_SIGNUP", "perhaps"),
        ("ACCOUNT_EMAIL_VERIFICATION", "none"),
        ("GOOGLE_CLIENT_ID", "without a secret"),
        ("GITHUB_CLIENT_SECRET", "without an id"),
    ],
)
def test_settings_that_are_nonsense_stop_the_start(tmp_path, name, value):
    environment = {**os.environ, "DATA_DIR": str(tmp_path), name: value}
    command = [sys.executable, "-c", "import lipsyncweb.settings"]
    ran = subprocess.run(
        command, cwd=site.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode != 0
    assert "ImproperlyConfigured" in ran.stderr
