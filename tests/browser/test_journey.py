"""From the first visit to the downloaded video, as a person goes."""

import re

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import use_samples
from tests.browser.waiting import wait_until_played

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MAKING_MS = 120_000


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_new_person_reaches_a_video_that_plays_and_downloads(visit, size):
    visitor = visit(size)
    page = visitor.page
    visitor.go("/")
    page.get_by_role("link", name="Make a video").click()
    expect(page.get_by_role("heading", name="Make an account")).to_be_visible()
    visitor.sign_up()
    page.get_by_role("link", name="Make the first video").click()

    use_samples(page)
    expect(page.locator("#price")).to_contain_text("that is the final price")
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))

    visitor.go("/jobs")
    page.evaluate("window.sameDocument = true")
    row = page.locator("#rows > li").first
    expect(row).to_have_attribute("data-state", "completed", timeout=MAKING_MS)
    assert page.evaluate("window.sameDocument")
    expect(page.locator("#poll")).to_have_attribute("data-active", "no")

    row.get_by_role("link", name=re.compile("^Play")).click()
    wait_until_played(page, "#theatre video", 0.5)
    page.keyboard.press("Escape")
    expect(page.locator("#theatre")).to_be_hidden()
    with page.expect_download() as download:
        row.get_by_role("link", name=re.compile("^Download")).click()
    assert re.fullmatch(r"astronaut-speech-[0-9a-f]{8}\.mp4", download.value.suggested_filename)
    assert download.value.path().read_bytes()[4:8] == b"ftyp"

    row.get_by_role("link", name="astronaut-speech", exact=True).click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    page.locator("#player video").evaluate("video => { video.muted = true; return video.play() }")
    wait_until_played(page, "#player video", 0.5)


def test_job_page_turns_from_waiting_to_the_player_by_itself(new_job):
    page = new_job().page
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#player video")).to_be_visible(timeout=MAKING_MS)
    expect(page.locator("#card")).to_have_attribute("data-state", "completed")
    assert page.evaluate("window.sameDocument")
    expect(page.locator("#purse")).not_to_contain_text("1,000")


def test_job_that_came_by_the_api_appears_on_an_open_page(visit, site):
    visitor = visit()
    page = visitor.page
    visitor.sign_up()
    visitor.go("/keys")
    page.get_by_label("Name").fill("from a program")
    page.get_by_role("button", name="Create a key").click()
    key = page.get_by_label("The key").input_value()
    visitor.go("/jobs")
    expect(page.get_by_text("No videos yet")).to_be_visible()
    answer = requests.post(
        f"{site.url}/api/v1/lipsync-image",
        headers={"Authorization": f"Bearer {key}"},
        json={
            "formState": {
                "image": f"{site.url}/samples/portrait.png",
                "audio": f"{site.url}/samples/speech.wav",
            }
        },
        timeout=30,
    )
    assert answer.status_code == 200
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    row = page.locator("#rows > li").first
    expect(row).to_contain_text("from a program")
    expect(page.get_by_text("No videos yet")).to_have_count(0)
    expect(row).to_have_attribute("data-state", "completed", timeout=MAKING_MS)


def test_form_works_without_scripts(visit, sample_files):
    visitor = visit(java_script_enabled=False)
    page = visitor.page
    visitor.sign_up()
    visitor.go("/generate/lipsync-image")
    page.set_input_files("[name=image_file]", sample_files["image"])
    page.set_input_files("[name=audio_file]", sample_files["audio"])
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", name="astronaut-speech")).to_be_visible()


def test_failure_says_what_happened_and_that_it_cost_nothing(visit, site):
    visitor = visit()
    page = visitor.page
    visitor.sign_up()
    visitor.go("/generate/lipsync-image")
    page.get_by_label("Picture: address").fill(f"{site.url}/no-such-picture.png")
    page.get_by_role("button", name="Use the sample: Speech").click()
    page.get_by_role("button", name="Make the video").click()
    expect(page.get_by_role("alert")).to_contain_text("Picture: ", timeout=MAKING_MS)
    expect(page.get_by_role("alert")).to_contain_text("It cost nothing")
    expect(page.locator("#purse")).to_contain_text("1,000")
