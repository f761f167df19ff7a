"""A real site with its workers, and Debian's Chromium in front of it."""

import os
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from accounts import outbox
from accounts.outbox import Mail
from jobs.samples import portrait_path
from lipsyncweb.livesite import LiveSite

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZES = {"desktop": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}
PASSWORD = "correct horse battery"
SIGN_UPS_A_MINUTE = 18  # allauth stops the 21st
_sign_ups: dict[str, deque[float]] = {}  # when, by the site
# Chromium reports what the content policy stops as an event; this makes it an error like any other.
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict:
    return {
        "executable_path": CHROMIUM,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            # A microphone that beeps, and a person who allows it where a test gives the permission.
            "--use-fake-device-for-media-stream",
        ],
    }


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[LiveSite]:
    with LiveSite(tmp_path_factory.mktemp("browser-site")) as site:
        yield site


@dataclass
class Visitor:
    """A page, and what went wrong in it."""

    page: Page
    context: BrowserContext
    site: LiveSite
    troubles: list[str]

    def go(self, path: str) -> None:
        self.page.goto(self.site.url + path)

    def mail(self) -> Mail:
        """The newest message that the site would have sent."""
        return outbox.latest(self.site.data_dir / "outbox", limit=1)[0]

    def sign_up(self) -> str:
        _wait_for_a_place(self.site)
        email = f"{uuid.uuid4().hex[:12]}@example.com"
        self.go("/accounts/signup/")
        self.page.fill("[name=email]", email)
        self.page.fill("[name=password1]", PASSWORD)
        self.page.fill("[name=password2]", PASSWORD)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url("**/jobs")
        return email


def _wait_for_a_place(site: LiveSite) -> None:
    """The site lets so many people of one address sign up in a minute, and all visitors have the same one."""
    latest = _sign_ups.setdefault(site.url, deque(maxlen=SIGN_UPS_A_MINUTE))
    if len(latest) == SIGN_UPS_A_MINUTE:
        time.sleep(max(0.0, latest[0] + 61 - time.monotonic()))
    latest.append(time.monotonic())


@pytest.fixture
def visit(browser: Browser, site: LiveSite) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors of the site or another; at the end none of them may have met an error in the console."""
    visitors: list[Visitor] = []

    def make(size: str = "desktop", *, at: LiveSite = site, **options) -> Visitor:
        context = browser.new_context(**{"viewport": SIZES[size], "locale": "en-GB", **options})
        context.add_init_script(REPORT_VIOLATIONS)
        page = context.new_page()
        visitor = Visitor(page=page, context=context, site=at, troubles=[])
        page.on("console", lambda message: _note(visitor, message))
        page.on("pageerror", lambda error: visitor.troubles.append(str(error)))
        visitors.append(visitor)
        return visitor

    yield make
    troubles = [trouble for visitor in visitors for trouble in visitor.troubles]
    for visitor in visitors:
        visitor.context.close()
    assert troubles == []


def use_samples(page: Page) -> None:
    """Fill the open form of a talking portrait with the site's own picture and speech."""
    for label in ("Picture", "Speech"):
        page.get_by_role("button", name=f"Use the sample: {label}").click()


@pytest.fixture
def new_job(visit) -> Callable[..., Visitor]:
    """Makes a new person who has just sent the samples: the page is that of the job, which is not finished yet."""

    def make(size: str = "desktop") -> Visitor:
        visitor = visit(size)
        visitor.sign_up()
        visitor.go("/generate/lipsync-image")
        use_samples(visitor.page)
        visitor.page.get_by_role("button", name="Make the video").click()
        visitor.page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))
        return visitor

    return make


def _note(visitor: Visitor, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        visitor.troubles.append(f"{message.type}: {message.text} ({visitor.page.url})")


@pytest.fixture(scope="session")
def sample_files(site: LiveSite) -> dict[str, Path]:

    return {"image": portrait_path(), "audio": site.data_dir / "samples" / "speech.wav"}
