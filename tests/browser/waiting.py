"""Waiting for a page without Playwright's wait_for_function, which needs the eval that the content policy forbids; and
looking away from it."""

import time

from playwright.sync_api import Page

PATIENCE = 30.0  # seconds


def wait_until_played(page: Page, selector: str, seconds: float) -> None:
    """Return once the sound or video has come as far as `seconds`, or fail."""
    deadline = time.monotonic() + PATIENCE
    while (reached := page.locator(selector).evaluate("media => media.currentTime")) <= seconds:
        assert time.monotonic() < deadline, f"{selector} stands at {reached} s"
        page.wait_for_timeout(50)


def hide(page: Page) -> None:
    """As when the visitor looks at another tab."""
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => window.seen !== true, configurable: true })"
    )
    page.wait_for_timeout(300)  # for what was asked before


def look_at(page: Page) -> None:
    """After `hide`."""
    page.evaluate("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))")
