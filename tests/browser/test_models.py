"""Each model by its form, from the site's own media to a video that plays."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.waiting import wait_until_played

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MAKING_MS = 120_000


@pytest.mark.parametrize(
    ("model", "size"),
    [("New speech for a video", "desktop"), ("Talking pair", "phone")],
)
def test_model_makes_a_video_from_the_samples(visit, model, size):
    visitor = visit(size)
    page = visitor.page
    visitor.sign_up()
    visitor.go("/generate/lipsync-image")
    page.get_by_role("link", name=model).click()
    for field in page.locator("[data-media]:has([data-sample])").all():
        field.locator("[data-sample]").click()
    expect(page.locator("#price")).to_contain_text("that is the final price", timeout=30_000)
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))
    expect(page.locator("#player video")).to_be_visible(timeout=MAKING_MS)
    page.locator("#player video").evaluate("video => { video.muted = true; return video.play() }")
    wait_until_played(page, "#player video", 0.5)
    assert page.locator("#player video").evaluate("video => video.duration") == pytest.approx(5.8, abs=0.5)
