"""One job's page: while it is made, finished, and failed."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.waiting import hide, look_at, wait_until_played
from tests.live import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MAKING_MS = 120_000


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_finished_job_is_watched_taken_away_and_run_again(new_job, size):
    visitor = new_job(size)
    page = visitor.page

    # What is open stays open, and what has the focus keeps it, while the page changes under it.
    expect(page.get_by_text("Your video is in line")).to_be_visible()
    page.get_by_text("Raw document").click()
    expect(page.locator("#card")).to_have_attribute("data-state", "completed", timeout=MAKING_MS)
    expect(page.locator("#raw")).to_have_attribute("open", "")
    expect(page.locator("#raw summary")).to_be_focused()
    expect(page.get_by_text("Your video is in line")).to_have_count(0)
    document = json.loads(page.locator("#document").inner_text())
    assert document["status"] == "completed"

    video = page.locator("#player video")
    poster = page.request.get(visitor.site.url + video.get_attribute("poster"))
    assert (poster.status, poster.headers["content-type"]) == (200, "image/jpeg")
    video.evaluate("video => { video.muted = true; return video.play() }")
    wait_until_played(page, "#player video", 0.5)

    downloads = page.get_by_role("region", name="Downloads")
    for label, ending in (
        ("Video", r"\.mp4"),
        ("Sound", r"\.m4a"),
        ("Contact sheet", r"-sheet\.jpg"),
        ("Document", r"\.json"),
    ):
        with page.expect_download() as taken:
            downloads.get_by_role("link", name=label).click()
        assert re.fullmatch(rf"astronaut-speech-[0-9a-f]{{8}}{ending}", taken.value.suggested_filename)
        assert taken.value.path().stat().st_size > 500

    expect(page.get_by_role("img", name="Picture")).to_be_visible()
    page.get_by_role("link", name="Run again").click()
    page.wait_for_url(re.compile(rf"/generate/lipsync-image\?from={document['id']}"))


def test_a_dialog_stays_while_the_page_changes_under_it(new_job):
    page = new_job().page
    page.get_by_role("button", name="Cancel the job").click()
    dialog = page.get_by_role("dialog", name="Cancel this job?")
    expect(dialog).to_be_visible()
    with page.expect_response(re.compile(r"/card\?v=")):
        pass
    page.wait_for_timeout(300)
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Let it run").click()
    expect(page.locator("#card")).to_have_attribute("data-state", "completed", timeout=MAKING_MS)


def test_a_page_that_nobody_sees_asks_nothing_and_then_catches_up(new_job):
    page = new_job().page
    hide(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/card" in request.url else None)
    finished = 'data-state="completed"'
    until(lambda: finished in page.request.get(page.url).text(), seconds=MAKING_MS / 1000)
    page.wait_for_timeout(4_500)
    assert asked == []
    expect(page.locator("#card")).not_to_have_attribute("data-state", "completed")
    look_at(page)
    expect(page.locator("#card")).to_have_attribute("data-state", "completed")


def test_the_open_page_of_a_job_that_is_deleted_elsewhere_says_so(new_job):
    visitor = new_job()
    page = visitor.page
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    team = page.locator("[name=for_team]").first.input_value()
    # Before it is finished: a finished job's page asks no more.
    answer = page.request.post(
        f"{page.url}/delete", form={"csrfmiddlewaretoken": token, "for_team": team}, max_redirects=0
    )
    assert answer.status == 302
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible(timeout=15_000)
    visitor.troubles.clear()  # the browser reports the page's own 404
