"""A video is kept, let go and deleted, and the team's days are set, as a person does it."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MAKING_MS = 120_000


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_video_is_kept_let_go_and_deleted(new_job, size):
    visitor = new_job(size)
    page = visitor.page
    address = page.url
    expect(page.locator("#player video")).to_be_visible(timeout=MAKING_MS)
    film = page.get_by_role("link", name="Download", exact=True).first.get_attribute("href")

    stays = page.get_by_role("region", name="How long it stays")
    expect(stays).to_contain_text("Until")
    stays.get_by_role("button", name="Keep").click()
    expect(stays).to_contain_text("Kept until somebody lets it go")
    visitor.go("/retention")
    expect(page.locator("main")).to_contain_text("1 video of at most 200 is kept")
    page.get_by_label("Days that videos stay").fill("5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Days that videos stay")).to_have_value("5")

    page.goto(address)
    stays.get_by_role("button", name="Let it go").click()
    expect(stays).to_contain_text("Until")
    stays.get_by_role("button", name="Delete").press("Enter")
    dialog = page.get_by_role("dialog", name="Delete this job?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    stays.get_by_role("button", name="Delete").press("Enter")
    dialog.get_by_role("button", name="Delete the job").click()
    expect(page.get_by_text("The job and its files are deleted")).to_be_visible()
    expect(page.locator("#rows > li")).to_have_count(0)
    assert page.request.get(visitor.site.url + film).status == 404
    assert page.request.get(address).status == 404
