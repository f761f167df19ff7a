"""Login by Google and GitHub: shown with their keys alone, and telling nobody who has an account."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import responses
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings as site
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.models import User
from accounts.teams import invitations
from tests.accounts.signing_in import is_in, person, show_again, sign_in
from tests.accounts.signing_in import production as production

pytestmark = pytest.mark.usefixtures("production")

GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"
GITHUB = "https://api.github.com/user"


@pytest.fixture
def keys(settings):
    """The site has keys of both."""
    app = [{"client_id": "an id", "secret": "a secret"}]
    settings.SOCIALACCOUNT_PROVIDERS = {
        name: {**options, "APPS": app} for name, options in site.SOCIALACCOUNT_PROVIDERS.items()
    }


@pytest.fixture
def elsewhere(keys):
    """Google and GitHub, as far as a login asks them."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as answers:
        yield answers


def id_token(**told) -> str:
    """As Google gives it over its own connection, which is what vouches for it."""
    now = int(time.time())
    claims = {"iss": "https://accounts.google.com", "aud": "an id", "iat": now, "exp": now + 60, **told}
    return jwt.encode(claims, "the key is not looked at" * 2, algorithm="HS256")


def by_google(client: Client, email: str, *, confirmed: bool = True, answers, process: str = "login"):
    """Go to Google, be known there by this address, and come back."""
    start = client.post(f"{reverse('google_login')}?process={process}")
    asked = urlsplit(start.url)
    assert asked.netloc == "accounts.google.com"
    state = parse_qs(asked.query)["state"][0]
    told = {"sub": f"of {email}", "email": email, "email_verified": confirmed}
    told |= {"given_name": "Ada", "family_name": "L."}
    answers.upsert("POST", GOOGLE_TOKEN, json={"access_token": "t", "id_token": id_token(**told)})
    return client.get(reverse("google_callback"), {"code": "c", "state": state})


def test_nothing_is_shown_without_keys():
    user = person()
    client = Client()
    for page in (client.get(reverse("account_login")), client.get(reverse("account_signup"))):
        assert not re.search("google|github|Continue with", page.content.decode(), re.IGNORECASE)
    sign_in(client, user.email)
    page = client.get(reverse("account_profile")).content.decode()
    assert reverse("socialaccount_connections") not in page


@pytest.mark.parametrize(
    "name", ["google_login", "google_callback", "google_login_by_token", "github_login", "github_callback"]
)
def test_addresses_of_a_login_that_is_off_are_not_found(name):
    for answer in (Client().get(reverse(name)), Client().post(reverse(name))):
        assert answer.status_code in (404, 405)


def test_both_are_offered_with_keys(keys):
    page = Client().get(reverse("account_login")).content.decode()
    assert "Continue with Google" in page
    assert "Continue with GitHub" in page


@pytest.mark.parametrize(
    ("name", "host"),
    [("google_login", "https://accounts.google.com"), ("github_login", "https://github.com")],
)
def test_content_policy_lets_the_form_lead_to_the_other_site_alone(keys, name, host):
    policy = Client().get(reverse(name))["Content-Security-Policy"]
    assert f"form-action 'self' {host};" in f"{policy};"
    assert host not in Client().get(reverse("account_login"))["Content-Security-Policy"]


def test_person_known_elsewhere_gets_an_account_and_a_team(elsewhere):
    client = Client()
    by_google(client, "ada@example.com", answers=elsewhere)
    assert is_in(client)
    user = User.objects.get()
    assert (user.email, user.name) == ("ada@example.com", "Ada L.")
    assert not user.has_usable_password()
    assert user.first_team
    assert EmailAddress.objects.get(user=user).verified
    again = Client()
    by_google(again, "ada@example.com", answers=elsewhere)
    assert is_in(again)
    assert User.objects.count() == 1


@pytest.mark.parametrize(("email", "let_in"), [("ada@example.com", True), ("eva@example.com", False)])
def test_mailed_invitation_lets_its_own_address_alone_in_by_another_site(
    elsewhere, owner, settings, email, let_in
):
    settings.ACCOUNT_SIGNUP = "invited"
    _, token = invitations.invite(
        actor=owner.membership, email="ada@example.com", role="member", who=audit.Who()
    )
    client = Client()
    client.get(reverse("join_link", args=[token]))
    by_google(client, email, answers=elsewhere)
    assert User.objects.filter(email=email).exists() == let_in


def test_github_tells_a_confirmed_address(elsewhere):
    client = Client()
    start = client.post(reverse("github_login"))
    query = parse_qs(urlsplit(start.url).query)
    assert query["scope"] == ["user:email"]
    elsewhere.post("https://github.com/login/oauth/access_token", json={"access_token": "t"})
    elsewhere.get(GITHUB, json={"id": 7, "login": "ada", "name": "Ada L."})
    elsewhere.get(f"{GITHUB}/emails", json=[{"email": "ada@example.com", "verified": True, "primary": True}])
    client.get(reverse("github_callback"), {"code": "c", "state": query["state"][0]})
    assert is_in(client)
    assert User.objects.get().email == "ada@example.com"


def test_taken_address_opens_no_account_and_is_told_by_mail(elsewhere):
    person()
    client = Client()
    by_google(client, "ada@example.com", answers=elsewhere)
    assert not is_in(client)
    assert not SocialAccount.objects.exists()
    assert [message.subject for message in mail.outbox] == ["You have an account at lipsyncweb"]


def test_taken_and_free_addresses_are_answered_alike(elsewhere):
    person("known@example.com")
    pages = []
    for email in ("known@example.com", "other@example.com"):
        client = Client()
        answer = by_google(client, email, confirmed=False, answers=elsewhere)
        page = client.get(answer.url)
        text = page.content.decode().replace(email, "ADDRESS")
        pages.append((answer.status_code, answer.url, page.status_code, re.sub(r'value="[^"]*"', "", text)))
    assert pages[0] == pages[1]
    assert len(mail.outbox) == 2


def test_answer_without_the_state_of_this_browser_opens_nothing(elsewhere):
    answer = Client().get(reverse("google_callback"), {"code": "c", "state": "somebody else's"})
    assert "Sign-in failed" in answer.content.decode()
    assert not User.objects.exists()


def test_other_site_that_does_not_answer_is_said(elsewhere):
    client = Client()
    start = client.post(reverse("google_login"))
    state = parse_qs(urlsplit(start.url).query)["state"][0]
    elsewhere.post(GOOGLE_TOKEN, status=500)
    answer = client.get(reverse("google_callback"), {"code": "c", "state": state})
    assert "Sign-in failed" in answer.content.decode()


@pytest.mark.parametrize("closed", ["closed", "invited"])
def test_closed_site_makes_no_account_for_who_is_known_elsewhere(settings, elsewhere, closed):
    settings.ACCOUNT_SIGNUP = closed
    by_google(Client(), "ada@example.com", answers=elsewhere)
    assert not User.objects.exists()


def test_account_elsewhere_is_connected_and_disconnected(elsewhere):
    user = person()
    client = Client()
    sign_in(client, user.email)
    asked = by_google(client, "other@example.com", answers=elsewhere, process="connect")
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert not SocialAccount.objects.exists()
    show_again(client)
    account = SocialAccount.objects.get(user=user)
    assert "other@example.com" in client.get(reverse("socialaccount_connections")).content.decode()
    other = Client()
    by_google(other, "other@example.com", answers=elsewhere)
    assert other.get(reverse("history")).wsgi_request.user == user
    client.post(reverse("socialaccount_connections"), {"account": account.pk})
    assert not SocialAccount.objects.exists()
    subjects = [message.subject for message in mail.outbox]
    assert subjects == ["An account was connected", "An account was disconnected"]
    assert "Your account at Google now signs you in" in mail.outbox[0].body
