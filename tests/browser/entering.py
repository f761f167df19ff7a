"""What a person does to come into a site that confirms addresses: steps of more than one test."""

import hashlib
import hmac
import re
import time
import uuid
from base64 import b32decode

from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Visitor

CODE = re.compile(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", re.MULTILINE)


def new_address() -> str:
    return f"{uuid.uuid4().hex[:12]}@example.com"


def sign_up_and_confirm(visitor: Visitor, email: str) -> None:
    """Fill in the open page for a new account, and then the code that it mails."""
    page = visitor.page
    page.fill("[name=email]", email)
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    enter_mailed_code(visitor)


def enter_mailed_code(visitor: Visitor) -> None:
    expect(visitor.page.get_by_label("Code")).to_be_visible()
    visitor.page.get_by_label("Code").fill(CODE.search(visitor.mail().text)[0])
    visitor.page.get_by_role("button", name="Go on").click()


def set_up_app(visitor: Visitor) -> str:
    """Switch on the codes of an authenticator app; returns the secret that the app keeps."""
    page = visitor.page
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
    return secret


def app_code(secret: str, steps: int = 0) -> str:
    """What an authenticator app shows, so many half minutes from now (RFC 6238)."""
    counter = (int(time.time()) // 30 + steps).to_bytes(8, "big")
    digest = hmac.new(b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def sign_in_with_app(visitor: Visitor, email: str, secret: str) -> None:
    """With the password and the app's next code, since this half minute's was taken when the app was set up."""
    page = visitor.page
    visitor.go("/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_label("Code").fill(app_code(secret, 1))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/jobs")


def sign_out(visitor: Visitor) -> None:
    visitor.go("/accounts/logout/")
    visitor.page.get_by_role("main").get_by_role("button", name="Sign out").click()
    visitor.page.wait_for_url(f"{visitor.site.url}/")
