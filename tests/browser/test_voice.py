"""A voice from the microphone, and words that the site speaks."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.waiting import wait_until_played

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FORM = "/generate/lipsync-image"


@pytest.fixture
def at_form(visit):
    def make(size="desktop", path=FORM, **options):
        visitor = visit(size, **options)
        visitor.sign_up()
        visitor.go(path)
        return visitor

    return make


def field(page, label):
    return page.get_by_role("group", name=label, exact=True)


def with_microphone(visitor, script="") -> None:
    """Allow the browser's own microphone, which beeps; or put what `script` does in its place."""
    visitor.context.grant_permissions(["microphone"], origin=visitor.site.url)
    if script:
        visitor.page.add_init_script(script)
        visitor.page.reload()


def refusing(name: str) -> str:
    return f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', {name!r}));"


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_recording_is_heard_and_then_stands_in_the_field(at_form, size):
    visitor = at_form(size)
    with_microphone(visitor)
    page, speech = visitor.page, field(visitor.page, "Speech")
    speech.get_by_role("button", name="Record: Speech").click()
    expect(speech.get_by_role("button", name="Stop")).to_be_focused()
    expect(speech.get_by_text("0:02", exact=True)).to_be_visible()
    speech.get_by_role("button", name="Stop").click()
    expect(speech.get_by_text("Listen to it")).to_be_visible()
    expect(speech.locator("[data-listen] .sound__time")).to_have_text(re.compile("0:0[23]"))
    speech.locator("[data-listen]").get_by_role("button", name="Play").click()
    wait_until_played(page, "[data-listen] audio", 0.3)
    speech.get_by_role("button", name="Use it").click()
    expect(speech.locator("[data-facts]")).to_have_text(re.compile(r"\d\.\d s"))
    assert re.fullmatch(r"upload:[0-9a-f-]{36}", page.locator("#id_audio").input_value())
    expect(page.locator("#price")).to_contain_text("10 credits")
    speech.get_by_role("button", name="Record again").click()
    expect(speech.get_by_role("button", name="Stop")).to_be_visible()
    assert page.locator("#id_audio").input_value() == ""
    speech.get_by_role("button", name="Discard").click()
    expect(speech.get_by_label("Speech: address")).to_be_visible()
    expect(speech.get_by_role("button", name="Record: Speech")).to_be_focused()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotAllowedError", "blocked for this page"),
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "another program"),
    ],
)
def test_a_microphone_that_cannot_be_used_is_explained(at_form, name, words):
    visitor = at_form()
    with_microphone(visitor, refusing(name))
    speech = field(visitor.page, "Speech")
    speech.get_by_role("button", name="Record: Speech").click()
    expect(speech.get_by_role("alert").filter(has_text=words)).to_be_visible()
    speech.get_by_role("button", name="Close").click()
    expect(speech.get_by_label("Speech: address")).to_be_visible()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("Object.defineProperty(window, 'isSecureContext', { value: false });", "https://"),
        ("delete window.MediaRecorder;", "cannot record"),
    ],
)
def test_a_browser_that_cannot_record_is_told_why(at_form, script, words):
    visitor = at_form()
    with_microphone(visitor, script)
    speech = field(visitor.page, "Speech")
    speech.get_by_role("button", name="Record: Speech").click()
    expect(speech.get_by_role("alert").filter(has_text=words)).to_be_visible()


def test_a_recording_that_nobody_chose_keeps_the_form_from_going(at_form):
    visitor = at_form()
    with_microphone(visitor)
    page, speech = visitor.page, field(visitor.page, "Speech")
    page.get_by_role("button", name="Use the sample: Picture").click()
    speech.get_by_role("button", name="Record: Speech").click()
    expect(speech.get_by_text("0:01", exact=True)).to_be_visible()
    page.get_by_role("button", name="Make the video").click()
    expect(speech.get_by_text("A recording is not finished")).to_be_visible()
    expect(speech.get_by_role("button", name="Use it")).to_be_focused()
    assert page.url.endswith(FORM)


def test_a_recording_ends_by_itself_at_the_longest_video(at_form):
    visitor = at_form()
    with_microphone(visitor)
    speech = field(visitor.page, "Speech")
    speech.locator("[data-recorder]").evaluate("box => { box.dataset.longest = '2'; }")
    speech.get_by_role("button", name="Record: Speech").click()
    expect(speech.get_by_text("Stopped at the longest")).to_be_visible()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_typed_words_are_spoken_and_can_be_changed(at_form, size):
    visitor = at_form(size)
    page, speech = visitor.page, field(visitor.page, "Speech")
    speech.get_by_text("Type what to say").click()
    speech.get_by_label("What to say").fill("Hello there, my friend.")
    expect(speech.get_by_text("23 of at most 10,000 characters")).to_be_visible()
    speech.get_by_label("Voice").select_option("Woman")
    speech.get_by_role("button", name="Say it").click()
    expect(speech.get_by_text("“Hello there, my friend.”")).to_be_visible()
    expect(speech.locator("[data-facts]")).to_have_text(re.compile(r"\d\.\d s"))
    wait_until_played(page, "[data-view] audio", 0.2)
    assert re.fullmatch(r"upload:[0-9a-f-]{36}", page.locator("#id_audio").input_value())
    speech.get_by_role("button", name="Change the words").click()
    expect(speech.get_by_label("What to say")).to_have_value("Hello there, my friend.")
    expect(speech.get_by_label("What to say")).to_be_focused()
    assert page.locator("#id_audio").input_value() == ""


def test_a_file_that_was_chosen_meanwhile_stays_in_the_field(at_form, sample_files):
    visitor = at_form()
    page, speech = visitor.page, field(visitor.page, "Speech")
    held: list[Route] = []
    page.route("**/speech", lambda route: held.append(route))
    speech.get_by_text("Type what to say").click()
    speech.get_by_label("What to say").fill("Hello there.")
    with page.expect_request("**/speech"):
        speech.get_by_role("button", name="Say it").click()
    page.set_input_files("[name=audio_file]", sample_files["audio"])
    expect(page.locator("#id_audio")).to_have_value(re.compile("^upload:"))
    chosen = page.locator("#id_audio").input_value()
    with page.expect_response("**/speech") as answered:
        held[0].continue_()
    answered.value.finished()
    expect(speech.locator("[data-go]")).to_have_attribute("aria-busy", "false")
    expect(speech.locator("[data-name]")).to_have_text(sample_files["audio"].name)
    assert page.locator("#id_audio").input_value() == chosen


def listeners_for_the_theme(visitor) -> int:
    network = visitor.context.new_cdp_session(visitor.page)
    page = network.send("Runtime.evaluate", {"expression": "document"})["result"]["objectId"]
    found = network.send("DOMDebugger.getEventListeners", {"objectId": page})["listeners"]
    return len([listener for listener in found if listener["type"] == "themechange"])


def test_nothing_holds_on_to_a_sound_that_was_taken_out(at_form, sample_files):
    visitor = at_form()
    page, speech = visitor.page, field(visitor.page, "Speech")
    page.add_init_script("""
      window.kept = new Set();
      const { createObjectURL, revokeObjectURL } = URL;
      URL.createObjectURL = (file) => { const url = createObjectURL(file); kept.add(url); return url; };
      URL.revokeObjectURL = (url) => { kept.delete(url); revokeObjectURL(url); };
    """)
    page.reload()
    before = listeners_for_the_theme(visitor)
    page.set_input_files("[name=audio_file]", sample_files["audio"])
    expect(page.locator("#id_audio")).to_have_value(re.compile("^upload:"))
    expect(speech.locator(".sound__time")).to_have_count(1)
    assert (page.evaluate("kept.size"), listeners_for_the_theme(visitor)) == (1, before + 1)
    speech.get_by_role("button", name="Remove: Speech").click()
    assert (page.evaluate("kept.size"), listeners_for_the_theme(visitor)) == (0, before)


def test_words_that_cannot_be_spoken_are_told_beside_them(at_form):
    visitor = at_form()
    speech = field(visitor.page, "Speech")
    speech.get_by_text("Type what to say").click()
    speech.get_by_label("What to say").fill("🎉🎉")
    speech.get_by_role("button", name="Say it").click()
    expect(speech.get_by_role("alert").filter(has_text="nothing to say")).to_be_visible()
    expect(speech.get_by_label("What to say")).to_have_attribute("aria-invalid", "true")
    visitor.troubles[:] = [trouble for trouble in visitor.troubles if "status of 422" not in trouble]


def test_words_in_letters_that_are_not_the_voices_are_told_of(at_form):
    speech = field(at_form().page, "Speech")
    speech.get_by_text("Type what to say").click()
    told = speech.get_by_role("status").get_by_text("Choose the language of the text")
    for words, language, is_foreign in (
        ("Доброе утро, Anna", "gmw/en-US", True),
        ("Доброе утро, Anna", "zle/ru", False),
        ("Καλημέρα", "zle/ru", True),
        ("Good morning", "zle/ru", False),
        ("안녕하세요", "jpx/ja", True),
        ("2 × 2 = 4", "jpx/ja", False),
        ("안녕하세요", "sit/cmn", True),
        ("早上好", "sit/cmn", False),
        ("おはようございます、東京", "ko", True),
        ("안녕하세요", "ko", False),
        ("早上好", "gmw/en-US", True),
        ("Доброе утро", "art/piqd", False),  # the browser knows no script of it
        ("おはようございます、東京", "zle/ru", True),
        ("おはようございます、東京", "jpx/ja", False),
    ):
        speech.get_by_label("Language").select_option(language)
        speech.get_by_label("What to say").fill(words)
        expect(told, f"{words} by {language}").to_be_visible(visible=is_foreign)


def test_two_speakers_get_a_voice_each(at_form):
    visitor = at_form(path="/generate/lipsync-image-multi")
    page = visitor.page
    for side, words in (("left", "Good morning."), ("right", "Good evening to you.")):
        group = field(page, f"Speech of the person on the {side} optional")
        group.get_by_text("Type what to say").click()
        group.get_by_label("What to say").fill(words)
        group.get_by_role("button", name="Say it").click()
        expect(group.get_by_text(f"“{words}”")).to_be_visible()
    assert page.locator("#id_left_audio").input_value() != page.locator("#id_right_audio").input_value()


def test_keyboard_alone_types_and_speaks(at_form):
    page = at_form().page
    speech = field(page, "Speech")
    speech.get_by_text("Type what to say").press("Enter")
    speech.get_by_label("What to say").press_sequentially("Hello")
    speech.get_by_label("Speed").press("ArrowRight")
    expect(speech.get_by_text("105%")).to_be_visible()
    speech.get_by_label("Speed").press("Enter")  # sends nothing
    speech.get_by_label("What to say").press("Control+Enter")
    expect(speech.get_by_text("“Hello”")).to_be_visible()


def test_a_browser_without_scripts_gets_words_spoken(at_form, site):
    visitor = at_form()
    page = visitor.context.browser.new_context(
        java_script_enabled=False, storage_state=visitor.context.storage_state()
    ).new_page()
    page.goto(site.url + FORM)
    speech = field(page, "Speech")
    expect(page.get_by_role("button", name="Record: Speech")).to_be_hidden()
    speech.get_by_text("Type what to say").click()
    speech.get_by_label("What to say").fill("Hello from a plain page.")
    speech.get_by_role("button", name="Say it").click()
    expect(speech.get_by_text("“Hello from a plain page.”")).to_be_visible()
    page.context.close()
