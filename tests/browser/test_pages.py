"""Every page in each size, colour and language: nothing in the console, nothing wider than the screen."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PUBLIC = [
    "/",
    "/docs",
    "/pricing",
    "/licences",
    "/outbox",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/login/code/",
    "/accounts/3rdparty/login/cancelled/",
    "/accounts/password/reset/",
]
PRIVATE = [
    "/generate/lipsync-image",
    "/jobs",
    "/keys",
    "/credits",
    "/purchases",
    "/connections",
    "/connections/new",
    "/webhooks",
    "/webhooks/check",
    "/accounts/profile",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/2fa/webauthn/",
    "/accounts/sessions/",
    "/accounts/logout/",
]
# What a screen reader needs of any page: one heading of the first rank, names for controls, unique ids.
FLAWS = """() => {
  const flaws = [];
  const visible = (element) => element.checkVisibility();
  if (document.querySelectorAll("h1").length !== 1) flaws.push("not one h1");
  if (!document.documentElement.lang || !document.title) flaws.push("no language or title");
  for (const element of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!element.labels?.length && !element.getAttribute("aria-label")) flaws.push("no label: " + element.outerHTML);
  for (const element of document.querySelectorAll("a[href], button, summary"))
    if (visible(element) && !element.textContent.trim() && !element.getAttribute("aria-label"))
      flaws.push("no name: " + element.outerHTML);
  for (const element of document.querySelectorAll("img"))
    if (element.getAttribute("alt") === null) flaws.push("no alt: " + element.src);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) flaws.push("twice: #" + id);
  if (document.documentElement.scrollWidth > innerWidth) flaws.push("wider than the screen");
  for (const card of document.querySelectorAll("main .card"))
    if (visible(card) && card.getBoundingClientRect().width < 200) flaws.push("squeezed: " + card.className);
  return flaws;
}"""


@pytest.mark.parametrize("language", ["en-GB", "ru-RU"])
@pytest.mark.parametrize(("size", "colours"), [("desktop", "light"), ("phone", "dark")])
def test_every_page_is_sound(visit, size, colours, language):
    visitor = visit(size, color_scheme=colours, locale=language)
    flaws = {}
    for path in PUBLIC:
        visitor.go(path)
        flaws[path] = visitor.page.evaluate(FLAWS)
    visitor.sign_up()
    for path in PRIVATE:
        visitor.go(path)
        flaws[path] = visitor.page.evaluate(FLAWS)
    assert {path: found for path, found in flaws.items() if found} == {}


def test_colours_are_switched_and_remembered(visit):
    visitor = visit(color_scheme="light")
    page = visitor.page
    visitor.go("/")
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_label("Colours").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != light
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark


def test_language_is_switched_and_remembered(visit):
    visitor = visit()
    page = visitor.page
    visitor.go("/docs")
    page.get_by_label("Language").first.click()
    page.get_by_role("button", name="Русский").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    assert page.url.endswith("/docs")
    visitor.go("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Портрет обретает голос.")


def test_key_is_copied_used_up_and_revoked_by_keyboard(visit):
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    visitor.sign_up()
    visitor.go("/keys")
    page.get_by_role("button", name="Create a key").press("Enter")
    key = page.get_by_label("The key").input_value()
    assert re.fullmatch(r"sk_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", key)
    page.get_by_role("button", name="Copy").press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key

    revoke = page.get_by_role("button", name=re.compile("^Revoke sk_"))
    revoke.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    revoke.press("Enter")
    dialog.get_by_role("button", name="Revoke the key").press("Enter")
    expect(page.get_by_text("opens nothing any more")).to_be_visible()
    expect(page.get_by_role("cell", name="Revoked")).to_be_visible()


def test_skip_link_is_the_first_stop_of_the_keyboard(visit):
    visitor = visit()
    visitor.go("/docs")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("main")).to_be_focused()


def test_code_examples_are_tabs(visit):
    visitor = visit()
    page = visitor.page
    visitor.go("/docs")
    tab = page.get_by_role("tab", name="Python").first
    page.get_by_role("tab", name="curl").press("ArrowRight")
    expect(tab).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Python").first).to_contain_text("import requests")
