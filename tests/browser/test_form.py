"""The form: uploads, refusals, focus, keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.waiting import wait_until_played

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FORM = "/generate/lipsync-image"


@pytest.fixture
def visitor(visit):
    visitor = visit()
    visitor.sign_up()
    visitor.go(FORM)
    return visitor


def field(page, label):
    return page.get_by_role("group", name=label, exact=True)


def test_chosen_files_are_sent_at_once_and_set_the_price(visitor, sample_files):
    page = visitor.page
    expect(page.locator("#price")).to_contain_text("from 10 credits")
    page.set_input_files("[name=image_file]", sample_files["image"])
    page.set_input_files("[name=audio_file]", sample_files["audio"])
    expect(field(page, "Picture")).to_contain_text("512 × 512")
    expect(field(page, "Speech")).to_contain_text(re.compile(r"\d\.\d s"))
    expect(page.locator("#price")).to_contain_text("12 credits")
    assert re.fullmatch(r"upload:[0-9a-f-]{36}", page.locator("#id_audio").input_value())
    page.get_by_role("radio", name="720p, sharper").check()
    expect(page.locator("#price")).to_contain_text("24 credits")


def test_dropped_file_is_taken(visitor, sample_files):
    page = visitor.page
    transfer = page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "me.png", { type: "image/png" }));
            return transfer;
        }""",
        list(sample_files["image"].read_bytes()),
    )
    field(page, "Picture").dispatch_event("drop", {"dataTransfer": transfer})
    expect(field(page, "Picture")).to_contain_text("me.png")
    expect(field(page, "Picture")).to_contain_text("512 × 512")


def test_wrong_file_is_refused_beside_its_field_and_the_field_is_free_again(visitor, tmp_path):
    page = visitor.page
    wrong = tmp_path / "song.mp3"
    wrong.write_bytes(b"this is no song" * 100)
    visitor.page.set_input_files("[name=audio_file]", wrong)
    expect(field(page, "Speech").get_by_role("alert")).to_contain_text("format")
    expect(field(page, "Speech").get_by_label("Speech: address")).to_be_visible()
    # The browser itself reports every answer that is not a success; that one was meant.
    visitor.troubles[:] = [trouble for trouble in visitor.troubles if "status of 422" not in trouble]


def test_empty_form_comes_back_with_the_focus_on_the_first_problem(visitor):
    page = visitor.page
    page.locator("summary", has_text="More options").click()
    page.get_by_label("Style").fill("calm")
    page.get_by_role("button", name="Make the video").click()
    expect(page.get_by_text("Picture is missing")).to_be_visible()
    expect(page.get_by_label("Picture: address")).to_be_focused()
    expect(page.get_by_label("Style")).to_have_value("calm")
    visitor.troubles[:] = [trouble for trouble in visitor.troubles if "status of 422" not in trouble]


def test_sample_can_be_taken_and_removed_by_keyboard(visitor):
    page = visitor.page
    page.get_by_role("button", name="Use the sample: Picture").press("Enter")
    remove = page.get_by_role("button", name="Remove: Picture")
    expect(remove).to_be_focused()
    remove.press("Enter")
    expect(page.get_by_label("Picture: file")).to_be_focused()
    expect(page.get_by_label("Picture: address")).to_have_value("")


def test_sample_speech_plays(visitor):
    page = visitor.page
    page.get_by_role("button", name="Use the sample: Speech").click()
    field(page, "Speech").get_by_role("button", name="Play").click()
    wait_until_played(page, "[data-view] audio", 0.2)
    field(page, "Speech").get_by_role("button", name="Pause").click()
    assert page.evaluate("document.querySelector('[data-view] audio').paused")
