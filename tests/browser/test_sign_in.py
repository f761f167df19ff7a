"""Signing in as a browser does it, where an address must be confirmed: codes, an authenticator app, passkeys."""

import hashlib
import hmac
import re
import time
import uuid
from base64 import b32decode
from collections.abc import Iterator

import pytest
from playwright.sync_api import CDPSession, Page, expect

from lipsyncweb.livesite import LiveSite
from tests.browser.conftest import PASSWORD, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CODE = re.compile(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", re.MULTILINE)


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> Iterator[LiveSite]:
    """A site like one in production: mandatory confirmation, and login by Google."""
    settings = {
        "ACCOUNT_EMAIL_VERIFICATION": "mandatory",
        "GOOGLE_CLIENT_ID": "an id",
        "GOOGLE_CLIENT_SECRET": "a secret",
        "EMBEDDED_ENGINE": "false",
    }
    with LiveSite(tmp_path_factory.mktemp("strict-site"), **settings) as site:
        yield site


def authenticator(page: Page) -> CDPSession:
    """A passkey provider as laptops and phones have one, whose owner agrees at once."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session


def app_code(secret: str, steps: int = 0) -> str:
    """What an authenticator app shows, so many half minutes from now (RFC 6238)."""
    counter = (int(time.time()) // 30 + steps).to_bytes(8, "big")
    digest = hmac.new(b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def enter_mailed_code(visitor: Visitor) -> None:
    expect(visitor.page.get_by_label("Code")).to_be_visible()
    visitor.page.get_by_label("Code").fill(CODE.search(visitor.mail().text)[0])
    visitor.page.get_by_role("button", name="Go on").click()


def sign_out(visitor: Visitor) -> None:
    visitor.go("/accounts/logout/")
    visitor.page.get_by_role("main").get_by_role("button", name="Sign out").click()
    visitor.page.wait_for_url(f"{visitor.site.url}/")


def test_person_confirms_sets_up_an_app_and_signs_in_with_it(visit, strict):
    visitor = visit("phone", at=strict)
    page = visitor.page
    email = f"{uuid.uuid4().hex[:12]}@example.com"
    visitor.go("/accounts/signup/")
    page.fill("[name=email]", email)
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    enter_mailed_code(visitor)
    page.wait_for_url("**/jobs")

    visitor.go("/accounts/2fa/")
    page.get_by_role("link", name="Set up").click()
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Go on").click()
    picture = page.get_by_alt_text("The secret as a QR code")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0
    secret = page.get_by_label("Or type the secret").input_value()
    page.get_by_label("Authenticator code").fill(app_code(secret))
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()

    sign_out(visitor)
    visitor.go("/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_label("Code").fill(app_code(secret, 1))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/jobs")


def test_passkey_makes_an_account_opens_it_and_is_asked_for_again(visit, strict):
    visitor = visit(at=strict)
    page = visitor.page
    device = authenticator(page)
    visitor.go("/accounts/signup/")
    page.get_by_role("link", name="Sign up using a passkey").click()
    page.fill("[name=email]", f"{uuid.uuid4().hex[:12]}@example.com")
    page.get_by_role("button", name="Send me a code").click()
    enter_mailed_code(visitor)
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/jobs")

    sign_out(visitor)
    visitor.go("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/jobs")

    visitor.go("/accounts/2fa/webauthn/add/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    # The device has one for this account already, and says so.
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("#passkey-trouble")).to_be_visible()
    device.detach()


def test_form_leads_to_google_under_the_content_policy(visit, strict):
    visitor = visit(at=strict)
    page = visitor.page
    there = "https://accounts.google.com/"
    page.route(f"{there}**", lambda route: route.fulfill(body="<h1>Google</h1>", content_type="text/html"))
    visitor.go("/accounts/login/")
    page.get_by_role("link", name="Continue with Google").click()
    page.get_by_role("button", name="To Google").click()
    page.wait_for_url(f"{there}**")
    expect(page.get_by_role("heading", name="Google")).to_be_visible()
