"""Signing in as a browser does it, where an address must be confirmed: codes, an authenticator app, passkeys."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import CDPSession, Page, expect

from lipsyncweb.livesite import LiveSite
from tests.browser.entering import (
    enter_mailed_code,
    new_address,
    set_up_app,
    sign_in_with_app,
    sign_out,
    sign_up_and_confirm,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


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


def test_person_confirms_sets_up_an_app_and_signs_in_with_it(visit, strict):
    visitor = visit("phone", at=strict)
    email = new_address()
    visitor.go("/accounts/signup/")
    sign_up_and_confirm(visitor, email)
    visitor.page.wait_for_url("**/jobs")
    secret = set_up_app(visitor)
    sign_out(visitor)
    sign_in_with_app(visitor, email, secret)


def test_passkey_makes_an_account_opens_it_and_is_asked_for_again(visit, strict):
    visitor = visit(at=strict)
    page = visitor.page
    device = authenticator(page)
    visitor.go("/accounts/signup/")
    page.get_by_role("link", name="Sign up using a passkey").click()
    page.fill("[name=email]", new_address())
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
