"""Each model from the first visit to the downloaded video, by its ready-made example."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.waiting import wait_until_played

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MAKING_MS = 120_000


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize(
    ("model", "example", "price", "seconds"),
    [
        ("Talking portrait", "Another voice, calm", 10, 4.8),
        ("New speech for a video", "New words for a clip", 12, 5.7),
        ("Talking pair", "A talk: left, then right", 22, 10.5),
    ],
)
def test_new_person_makes_a_video_of_each_model(visit, size, model, example, price, seconds):
    visitor = visit(size)
    page = visitor.page
    visitor.go("/")
    page.get_by_role("link", name="Make a video").click()
    visitor.sign_up()
    page.get_by_role("link", name="Make the first video").click()
    page.get_by_role("navigation", name="Models").get_by_role("link", name=model).click()
    page.get_by_role("link", name=example).click()
    expect(page.get_by_role("link", name=example)).to_have_attribute("aria-current", "true")
    expect(page.locator("#price")).to_contain_text(f"{price} credits")
    expect(page.locator("#price")).to_contain_text(f"{1000 - price} stay")

    button = page.get_by_role("button", name="Make the video")
    expect(button).to_be_in_viewport(ratio=1)
    button.click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))
    expect(page.locator("#player video")).to_be_visible(timeout=MAKING_MS)
    page.locator("#player video").evaluate("video => { video.muted = true; return video.play() }")
    wait_until_played(page, "#player video", 0.5)
    assert page.locator("#player video").evaluate("video => video.duration") == pytest.approx(
        seconds, abs=0.5
    )
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).first.click()
    assert re.fullmatch(r"[\w-]+-[0-9a-f]{8}\.mp4", download.value.suggested_filename)
    assert download.value.path().read_bytes()[4:8] == b"ftyp"
