"""The form filled by an example, by a job that was made before, and without scripts."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FORM = "/generate/lipsync-image"
JOB = re.compile(r"/jobs/([0-9a-f-]{36})$")


def submit(page):
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url(JOB)
    return JOB.search(page.url)[1]


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_job_is_run_again_with_one_thing_changed(visit, size, sample_files):
    visitor = visit(size)
    page = visitor.page
    visitor.sign_up()
    visitor.go(FORM)
    page.set_input_files("[name=image_file]", sample_files["image"])
    page.get_by_role("button", name="Use the sample: Speech").click()
    page.locator("summary", has_text="More options").click()
    page.get_by_label("Style").fill("calm “quoted” <b>")
    job = submit(page)

    visitor.go(f"{FORM}?from={job}")
    expect(page.get_by_role("status").filter(has_text="The form holds what")).to_be_visible()
    picture = page.get_by_role("group", name="Picture", exact=True)
    expect(picture.get_by_role("img", name="Picture: preview")).to_be_visible()
    assert picture.get_by_role("img", name="Picture: preview").evaluate("image => image.naturalWidth") == 512
    expect(page.get_by_label("Style")).to_have_value("calm “quoted” <b>")
    expect(page.locator("#price")).to_contain_text("12 credits")
    page.get_by_role("radio", name="720p, sharper").check()
    expect(page.locator("#price")).to_contain_text("24 credits")
    assert submit(page) != job
    expect(page.get_by_text("calm “quoted” <b>")).to_be_visible()


def test_form_works_without_scripts(visit, sample_files):
    visitor = visit(java_script_enabled=False)
    page = visitor.page
    visitor.sign_up()
    visitor.go("/generate/lipsync-video")
    page.get_by_role("link", name="Lively and sharper").click()
    expect(page.locator("#price")).to_contain_text("24 credits")
    page.get_by_role("radio", name="480p, the standard size").check()
    page.get_by_role("button", name="Work out the price").click()
    expect(page.locator("#price")).to_contain_text("12 credits")
    expect(page.get_by_label("Style")).to_have_value("lively")

    visitor.go(FORM)
    page.set_input_files("[name=image_file]", sample_files["image"])
    page.get_by_role("button", name="Use the sample: Speech").click()
    expect(page.get_by_role("group", name="Picture", exact=True)).to_contain_text("512 × 512")
    page.locator("summary", has_text="Show as code").click()
    expect(page.get_by_role("heading", name="JavaScript")).to_be_visible()
    assert re.search('"image": "upload:[0-9a-f-]{36}"', page.locator("#code-curl").inner_text())
    submit(page)
