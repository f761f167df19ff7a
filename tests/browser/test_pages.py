"""What every page has: the switches of colour and language, the keyboard's first stop, copying, tabs."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


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
