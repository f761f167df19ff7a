"""The form: uploads, refusals, focus, keyboard."""

import re
from urllib.parse import quote

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


def paste(page, text="", file=None):
    page.evaluate(
        """([text, bytes]) => {
            const data = new DataTransfer();
            if (text) data.setData("text/plain", text);
            if (bytes) data.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
            const at = document.activeElement ?? document.body;
            at.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        [text, list(file.read_bytes()) if file else None],
    )


def test_pasted_picture_goes_where_it_is_seen_and_never_into_the_folded_mask(visitor, sample_files):
    page = visitor.page
    for _time in range(2):
        paste(page, file=sample_files["image"])
        expect(field(page, "Picture")).to_contain_text("512 × 512")
    expect(page.locator("[name=mask_image]")).to_have_value("")
    page.locator("summary", has_text="More options").click()
    page.get_by_label("Mask: file").focus()
    paste(page, file=sample_files["image"])
    expect(page.locator("[name=mask_image]")).to_have_value(re.compile("^upload:"))


def test_pasted_address_goes_into_the_field_of_its_kind_and_is_said_to_be_unopened(visitor):
    page = visitor.page
    paste(page, "https://example.com/voice.mp3?x=1")
    expect(page.get_by_label("Speech: address")).to_have_value("https://example.com/voice.mp3?x=1")
    expect(field(page, "Speech").get_by_text("checked when the job runs")).to_be_visible()
    expect(page.locator("#price")).to_contain_text("from 10 credits")
    page.get_by_label("Speech: address").fill("")
    page.get_by_label("Speech: address").blur()
    expect(field(page, "Speech").get_by_text("checked when the job runs")).to_be_hidden()


def test_address_of_the_site_itself_is_previewed(visitor):
    page = visitor.page
    page.get_by_label("Picture: address").fill(f"{visitor.site.url}/samples/pair.png")
    page.get_by_label("Picture: address").blur()
    expect(field(page, "Picture").get_by_role("img", name="Picture")).to_be_visible()
    expect(page.locator("[name=image]")).to_have_value(f"{visitor.site.url}/samples/pair.png")
    expect(field(page, "Picture").get_by_text("checked when the job runs")).to_be_hidden()


def test_dropped_link_becomes_the_address(visitor):
    page = visitor.page
    transfer = page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            transfer.setData("text/uri-list", "https://example.com/face.webp");
            return transfer;
        }"""
    )
    field(page, "Picture").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.get_by_label("Picture: address")).to_have_value("https://example.com/face.webp")


def test_second_press_of_the_button_sends_nothing(visitor):
    page = visitor.page
    visitor.go(f"{FORM}?example=hello")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.evaluate(
        """() => {
            const form = document.querySelector("#generate");
            form.requestSubmit();
            form.requestSubmit();
        }"""
    )
    page.wait_for_url("**/jobs/*")
    assert [url for url in sent if url.endswith(FORM)] == [visitor.site.url + FORM]


def test_price_and_button_stay_in_reach_on_a_phone(visit):
    visitor = visit("phone")
    page = visitor.page
    visitor.sign_up()
    visitor.go("/generate/lipsync-video?example=new-words")
    button = page.get_by_role("button", name="Make the video")
    for step in (0, 400, 400):
        page.mouse.wheel(0, step)
        expect(button).to_be_in_viewport(ratio=1)
        expect(page.locator("#price-brief")).to_be_in_viewport(ratio=1)
    page.get_by_role("radio", name="720p, sharper").check()
    expect(page.locator("#price-brief")).to_have_text("24 credits")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_link_with_an_odd_address_leaves_the_form_working(visitor, sample_files):
    page = visitor.page
    visitor.go(f"{FORM}?image={quote(f'{visitor.site.url}/samples/%E0%.png', safe='')}")
    expect(field(page, "Picture").get_by_role("alert")).not_to_be_empty()
    page.set_input_files("[name=audio_file]", sample_files["audio"])
    expect(field(page, "Speech")).to_contain_text(re.compile(r"\d\.\d s"))
    visitor.troubles[:] = [
        trouble for trouble in visitor.troubles if "Failed to load resource" not in trouble
    ]
