"""Every page of signing in and of the account's settings: it opens, in the site's own frame, in both languages."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils.translation import override

from accounts.templatetags.people import browser
from tests.conftest import PASSWORD

RUSSIAN = {"accept-language": "ru"}
ENTRANCE = [
    "account_login",
    "account_signup",
    "account_request_login_code",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
    "account_inactive",
    "socialaccount_login_cancelled",
    "socialaccount_login_error",
]
SETTINGS = [
    "account_profile",
    "account_email",
    "account_change_password",
    "account_logout",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "usersessions_list",
    "socialaccount_connections",
]
# Shown by a POST, in the middle of something, with a parameter, or no page at all; each is met in
# tests/accounts/test_sign_in*.py or tests/browser/test_sign_in.py.
ELSEWHERE = {
    "account_confirm_email",
    "account_confirm_login_code",
    "account_email_verification_sent",
    "account_reauthenticate",
    "account_reset_password_from_key",
    "account_set_password",
    "mfa_authenticate",
    "mfa_download_recovery_codes",
    "mfa_edit_webauthn",
    "mfa_login_webauthn",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn",
    "session_end",
    "socialaccount_signup",
    "google_login",
    "google_callback",
    "google_login_by_token",
    "github_login",
    "github_callback",
    "account_delete",
}


@pytest.fixture
def person(owner):
    """The owner, with a confirmed address, freshly signed in by password."""
    EmailAddress.objects.create(user=owner.user, email=owner.user.email, verified=True, primary=True)
    client = Client()
    answer = client.post(reverse("account_login"), {"login": owner.user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def show_again(client: Client) -> None:
    """What the pages that change second factors ask for first."""
    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert answer.status_code == 302


def page_names() -> set[str]:
    found: set[str] = set()

    def walk(resolver, before: str) -> None:
        for entry in resolver.url_patterns:
            pattern = before + str(entry.pattern)
            if hasattr(entry, "url_patterns"):
                walk(entry, pattern)
            elif pattern.startswith("accounts/") and entry.name:
                found.add(entry.name)

    walk(get_resolver(), "")
    return found


def test_every_page_of_the_map_is_looked_at():
    looked_at = {*ENTRANCE, *SETTINGS, *ELSEWHERE}
    assert page_names() - looked_at == set()


@pytest.mark.parametrize("name", ENTRANCE)
def test_entrance_opens_in_the_site_frame(db, name):
    page = Client().get(reverse(name))
    assert page.status_code == (401 if name == "socialaccount_login_error" else 200)
    assert_is_ours(page, 'class="entrance"')
    assert '<html lang="ru"' in Client().get(reverse(name), headers=RUSSIAN).content.decode()


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_open_in_the_site_frame(owner, person, name):
    secret = generate_totp_secret()
    if name not in ("mfa_activate_totp",):
        TOTP.activate(owner.user, secret)
        RecoveryCodes.activate(owner.user)
    show_again(person)
    page = person.get(reverse(name))
    assert page.status_code == 200, page.headers
    assert_is_ours(page, 'class="manage"')
    assert secret not in page.content.decode()
    assert '<html lang="ru"' in person.get(reverse(name), headers=RUSSIAN).content.decode()


def assert_is_ours(page, frame: str) -> None:
    text = page.content.decode()
    assert frame in text
    assert text.count("<h1>") == 1
    assert not re.search(r"\sstyle=|<style|<script>", text.replace("owner@example.com", ""))
    assert "unsafe" not in page["Content-Security-Policy"]
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script or 'type="application/json"' in script


def test_settings_ask_who_is_there_before_second_factors_change(owner, person):
    TOTP.activate(owner.user, generate_totp_secret())
    RecoveryCodes.activate(owner.user)
    for name in ("mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_add_webauthn"):
        fresh = Client()
        fresh.force_login(owner.user)
        answer = fresh.get(reverse(name))
        assert answer.status_code == 302, name
        assert answer.url.startswith(reverse("account_reauthenticate")), name


def test_enrolling_wants_a_confirmed_address(owner):
    client = Client()
    client.post(reverse("account_login"), {"login": owner.user.email, "password": PASSWORD})
    answer = client.get(reverse("mfa_activate_totp"), follow=True)
    assert not Authenticator.objects.exists()
    assert "authenticator_secret" not in answer.content.decode()


def test_profile_changes_name_and_language(owner):
    answer = owner.client.post(reverse("account_profile"), {"name": "Ada", "language": "ru"}, follow=True)
    assert '<html lang="ru"' in answer.content.decode()
    owner.user.refresh_from_db()
    assert (owner.user.name, owner.user.language) == ("Ada", "ru")


@pytest.mark.parametrize(
    "posted", [{"name": "x" * 101, "language": "ru"}, {"name": "Ada", "language": "xx"}, {"name": "Ada"}]
)
def test_profile_refuses_nonsense_and_keeps_what_was(owner, posted):
    answer = owner.client.post(reverse("account_profile"), posted)
    assert "field__error" in answer.content.decode()
    owner.user.refresh_from_db()
    assert (owner.user.name, owner.user.language) == ("", "")


def test_language_switch_is_remembered_for_mail(owner):
    owner.client.post(reverse("set_language"), {"language": "ru", "next": "/jobs"})
    owner.user.refresh_from_db()
    assert owner.user.language == "ru"
    owner.client.post(reverse("set_language"), {"language": "xx", "next": "/jobs"})
    owner.user.refresh_from_db()
    assert owner.user.language == "ru"


def test_language_of_the_first_login_is_remembered(owner):
    credentials = {"login": owner.user.email, "password": PASSWORD}
    Client().post(reverse("account_login"), credentials, headers=RUSSIAN)
    owner.user.refresh_from_db()
    assert owner.user.language == "ru"


def signed_in(user) -> tuple[Client, UserSession]:
    client = Client(
        headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    )
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client, UserSession.objects.get(session_key=client.session.session_key)


def works(client: Client) -> bool:
    return client.get(reverse("history")).status_code == 200


def test_one_session_is_signed_out_and_the_others_stay(owner):
    here, _ = signed_in(owner.user)
    lost, session = signed_in(owner.user)
    third, _ = signed_in(owner.user)
    page = here.get(reverse("usersessions_list")).content.decode()
    assert page.count("Firefox, Linux</span></th>") == 3
    here.post(reverse("session_end", args=[session.pk]))
    assert (works(here), works(lost), works(third)) == (True, False, True)


def test_all_other_sessions_are_signed_out(owner):
    here, _ = signed_in(owner.user)
    others = [signed_in(owner.user)[0] for _ in range(2)]
    here.post(reverse("usersessions_list"))
    assert works(here)
    assert not any(works(other) for other in others)


def test_stranger_cannot_end_a_session(owner, stranger):
    client, session = signed_in(owner.user)
    assert stranger.client.post(reverse("session_end", args=[session.pk])).status_code == 404
    assert works(client)


def test_present_session_is_ended_by_signing_out(owner):
    client, session = signed_in(owner.user)
    answer = client.post(reverse("session_end", args=[session.pk]))
    assert answer.url == reverse("account_logout")
    assert works(client)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
            "Chrome, Android",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "unknown"),
    ],
)
def test_browser_is_named(agent, name):
    with override("en"):
        assert browser(agent) == name
