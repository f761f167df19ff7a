"""What a visit costs: bytes over the network, as they are sent, and the time until the page answers to a hand."""

import re
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FIRST_PAGE = 100_000  # bytes of everything but media, compressed: the most that the first page may need
MAKING_MS = 120_000
# From the click on a link to the end of the last long task: the page is drawn, and a hand finds it idle.
INTERACTIVE = """() => new Promise((done) => {
  let last = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) last = Math.max(last, task.startTime + task.duration);
  }).observe({ type: "longtask", buffered: true });
  setTimeout(() => {
    const [visit] = performance.getEntriesByType("navigation");
    done(Math.max(last, visit.domContentLoadedEventEnd));
  }, 300);
})"""


@dataclass
class Weight:
    """Bytes by kind of file, with their headers left out, and what was asked for."""

    page: Page
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("requestfinished", lambda request: self.requests.append(request))

    def by_kind(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for request in self.requests:
            kind = kind_of(request)
            sums[kind] = sums.get(kind, 0) + request.sizes()["responseBodySize"]
        return sums


def kind_of(request: Request) -> str:
    content = request.response().headers.get("content-type", "")
    if content.startswith(("audio/", "video/", "image/")) and "svg" not in content:
        return "media"
    return "icons" if "svg" in content else request.resource_type


def a_finished_job(visitor: Visitor) -> str:
    visitor.go("/generate/lipsync-image?example=hello")
    visitor.page.get_by_role("button", name="Make the video").click()
    visitor.page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))
    finished = visitor.page.locator("#card[data-state=completed]")
    expect(finished).to_be_attached(timeout=MAKING_MS)
    return urlsplit(visitor.page.url).path


def measure(visitor: Visitor, path: str) -> dict[str, Any]:
    """Visit the page with an empty cache."""
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Network.clearBrowserCache")
    weight = Weight(visitor.page)
    visitor.page.goto(visitor.site.url + path, wait_until="networkidle")
    milliseconds = visitor.page.evaluate(INTERACTIVE)
    kinds = weight.by_kind()
    total = sum(size for kind, size in kinds.items() if kind != "media")
    parts = ", ".join(f"{kind} {size / 1000:.1f}" for kind, size in sorted(kinds.items()))
    files = sum(kind_of(request) != "media" for request in weight.requests)
    sys.stdout.write(
        f"{path}: {total / 1000:.1f} kB in {files} files ({parts}); interactive in {milliseconds:.0f} ms\n"
    )
    return {"total": total, **kinds}


def test_the_first_page_is_light(visit, capfd):
    with capfd.disabled():
        sys.stdout.write("\n")
        spent = measure(visit(), "/")
    assert spent["total"] < FIRST_PAGE


def test_the_pages_of_a_day_are_light(visit, capfd):
    """Of each, all that it needs, as if it were the first; together they share most."""
    visitor = visit()
    visitor.sign_up()
    with capfd.disabled():
        sys.stdout.write("\n")
        for path in ("/generate/lipsync-image", "/jobs", a_finished_job(visitor), "/credits"):
            assert measure(visitor, path)["total"] < FIRST_PAGE, path


def test_nothing_is_fetched_twice(visit):
    """A second page needs its own text and hardly more."""
    visitor = visit()
    visitor.go("/")
    weight = Weight(visitor.page)
    visitor.page.get_by_role("link", name="Pricing").first.click()
    visitor.page.wait_for_load_state("networkidle")
    fetched = [request.url for request in weight.requests if request.sizes()["responseBodySize"] > 0]
    assert [url for url in fetched if "/static/" in url and "favicon" not in url] == []
