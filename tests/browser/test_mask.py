"""Faces outlined on the preview, warnings under it, and the mask that is painted or chosen on the picture."""

import io
import re
from urllib.parse import urljoin

import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image
from playwright.sync_api import Page, Route, expect

from jobs.engine.bench.media import write_wav
from tests.browser.test_axe import RULES
from tests.browser.test_form import field

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SIZES = pytest.mark.parametrize("size", ["desktop", "phone"])


@pytest.fixture
def opened(visit):
    """Opens the form of a model for somebody new."""

    def opened(model: str, size: str = "desktop", **options) -> Page:
        visitor = visit(size, **options)
        visitor.sign_up()
        visitor.go(f"/generate/{model}")
        return visitor.page

    return opened


def told(page: Page, label: str, text: str) -> None:
    """The first look at the site's own video waits until that video is made."""
    expect(field(page, label)).to_contain_text(text, timeout=60_000)


def use_sample(page: Page, label: str) -> None:
    page.get_by_role("button", name=f"Use the sample: {label}").click()


def start_painting(page: Page) -> None:
    page.locator("summary", has_text="More options").click()
    page.get_by_role("button", name="Paint a mask").click()
    expect(page.get_by_role("dialog", name="What may move")).to_be_visible()
    expect(page.locator("[data-share]")).to_have_text(re.compile("Nothing may move yet"))


def keep(page: Page) -> np.ndarray:
    """Keeps the mask and fetches it from the site: (height, width) uint8, 255 moves."""
    page.get_by_role("button", name="Use this mask").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    value = page.locator("#id_mask_image")
    expect(value).to_have_value(re.compile("^upload:"))
    answer = page.request.get(urljoin(page.url, f"/uploads/{value.input_value().removeprefix('upload:')}"))
    with Image.open(io.BytesIO(answer.body())) as mask:
        return np.asarray(mask.convert("L"))


def middle_of(page: Page, group: str) -> tuple[float, float]:
    box = page.locator(group).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_busy_site_is_asked_again_for_the_picture_to_paint_on(opened):
    page = opened("lipsync-image")
    asked: list[str] = []

    def at_first_busy(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 2:
            route.continue_()
        else:
            route.fulfill(status=202, headers={"Retry-After": "1"})

    page.route("**/picture", at_first_busy)
    use_sample(page, "Picture")
    told(page, "Picture", "One face found.")
    start_painting(page)
    assert len(asked) == 3


@SIZES
def test_a_face_is_outlined_where_it_is_and_stays_there_when_the_window_changes(opened, size):
    page = opened("lipsync-image", size)
    use_sample(page, "Picture")
    told(page, "Picture", "One face found.")
    for width in (None, 700, 1000):
        if width:
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(200)
        view = page.locator("[data-view] img").first.bounding_box()
        side = min(view["width"], view["height"])  # of the square portrait, in the middle of its box
        left = view["x"] + (view["width"] - side) / 2
        x, y = middle_of(page, "[data-faces] polygon >> nth=0")
        assert (x - left) / side == pytest.approx(0.44, abs=0.04)
        assert (y - view["y"]) / side == pytest.approx(0.24, abs=0.05)


def test_the_two_of_a_pair_are_left_and_right(opened):
    page = opened("lipsync-image-multi")
    use_sample(page, "Picture")
    told(page, "Picture", "Two faces found.")
    left, right = (middle_of(page, f".face--{side}")[0] for side in ("left", "right"))
    assert left < right
    page.get_by_role("button", name="Remove: Picture").click()
    expect(page.locator("[data-faces]")).to_have_count(0)
    expect(field(page, "Picture")).not_to_contain_text("Two faces")


def test_silence_is_told_of_beside_its_field(opened, tmp_path):
    page = opened("lipsync-image")
    page.set_input_files("[name=audio_file]", write_wav(tmp_path / "x.wav", np.zeros(32_000), 16_000))
    told(page, "Speech", "This recording is silent")


def test_an_uploaded_picture_without_a_face_is_told_of(opened, tmp_path):
    page = opened("lipsync-image")
    Image.new("RGB", (400, 300), "teal").save(tmp_path / "x.png")
    page.set_input_files("[name=image_file]", tmp_path / "x.png")
    told(page, "Picture", "No face was found")


@SIZES
def test_a_face_that_is_clicked_is_the_one_that_speaks(opened, size):
    page = opened("lipsync-image-multi", size)
    use_sample(page, "Picture")
    told(page, "Picture", "Two faces found.")
    expect(page.locator(".face--right")).to_be_attached()
    start_painting(page)
    sheet = page.locator("[data-sheet]").bounding_box()
    scale = min(sheet["width"] / 1024, sheet["height"] / 512)
    middle = {"x": sheet["width"] / 2, "y": sheet["height"] / 2}
    page.locator("[data-sheet]").click(
        position={"x": middle["x"] - (512 - 225) * scale, "y": middle["y"] + (125 - 256) * scale}
    )
    expect(page.get_by_role("button", name="Face 1")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Face 2")).to_have_attribute("aria-pressed", "false")
    mask = keep(page)
    assert mask.shape == (512, 1024)
    assert mask[150, 225] == 255
    assert mask[:, 512:].max() == 0
    expect(page.locator(".face--left")).to_be_attached()
    expect(page.locator(".face--right")).to_have_count(0)


def test_brush_eraser_undo_invert_and_clear(opened):
    page = opened("lipsync-image")
    use_sample(page, "Picture")
    told(page, "Picture", "One face found.")
    start_painting(page)
    dialog = page.get_by_role("dialog")
    use = page.get_by_role("button", name="Use this mask")
    expect(use).to_be_disabled()
    dialog.get_by_role("button", name="Brush").click()
    sheet = page.locator("[data-sheet]").bounding_box()
    x, y = sheet["x"] + sheet["width"] / 2, sheet["y"] + sheet["height"] / 2
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.up()
    expect(use).to_be_enabled()
    share = page.locator("[data-share]")
    painted = share.text_content()
    dialog.get_by_role("button", name="Eraser").click()
    page.mouse.move(x, y - 40)
    page.mouse.down()
    page.mouse.move(x, y + 40, steps=4)
    page.mouse.up()
    expect(share).not_to_have_text(painted)
    dialog.get_by_role("button", name="Undo").click()
    expect(share).to_have_text(painted)
    page.keyboard.press("Control+Z")
    expect(use).to_be_disabled()
    dialog.get_by_role("button", name="Redo").click()
    expect(share).to_have_text(painted)
    dialog.get_by_role("button", name="Invert").click()
    expect(share).to_contain_text("9")
    mask = keep(page)
    assert mask[256, 256] == 0
    assert (mask[0, 0], mask[511, 511]) == (255, 255)
    # It is opened again as it was kept, and can be thrown away.
    page.get_by_role("button", name="Paint a mask").click()
    expect(share).to_contain_text("%")
    dialog.get_by_role("button", name="Clear").click()
    expect(use).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#id_mask_image")).to_have_value(re.compile("^upload:"))


def test_a_mask_is_painted_by_keyboard_alone(opened):
    page = opened("lipsync-image")
    use_sample(page, "Picture")
    told(page, "Picture", "One face found.")
    page.locator("summary", has_text="More options").press("Enter")
    page.get_by_role("button", name="Paint a mask").press("Enter")
    expect(page.locator("[data-share]")).to_have_text(re.compile("Nothing may move yet"))
    page.get_by_role("button", name="Brush").press("Enter")
    sheet = page.locator("[data-sheet]")
    sheet.focus()
    for key in ("ArrowUp", "ArrowLeft", "]", "]"):
        sheet.press(key)
    page.keyboard.down("Space")
    for _ in range(6):
        sheet.press("ArrowRight")
    page.keyboard.up("Space")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    mask = keep(page)
    assert mask[243, 256] == 255
    assert mask[243, 310] == 255
    assert mask[400, 256] == 0


def test_a_finger_paints(opened):
    page = opened("lipsync-image", "phone", has_touch=True, is_mobile=True)
    use_sample(page, "Picture")
    told(page, "Picture", "One face found.")
    start_painting(page)
    page.get_by_role("button", name="Brush").tap()
    sheet = page.locator("[data-sheet]").bounding_box()
    page.touchscreen.tap(sheet["x"] + sheet["width"] / 2, sheet["y"] + sheet["height"] / 2)
    mask = keep(page)
    assert mask[256, 256] == 255
    assert mask[20, 20] == 0


def test_a_mask_for_a_video_is_painted_on_its_first_picture(opened):
    page = opened("lipsync-video")
    use_sample(page, "Video")
    told(page, "Video", "One face found.")
    start_painting(page)
    page.get_by_role("button", name="Face 1").click()
    mask = keep(page)
    assert mask.shape == (480, 480)
    assert 0.05 < (mask > 127).mean() < 0.6
    expect(page.locator(".face--speaks")).to_be_attached()


def test_a_mask_beside_every_mouth_is_told_of(opened, tmp_path):
    page = opened("lipsync-image")
    use_sample(page, "Picture")
    told(page, "Picture", "One face found.")
    page.locator("summary", has_text="More options").click()
    note = page.locator("[data-mask-note]")
    for painted, said in [
        ((400, 400), "No mouth lies under"),
        (None, "All of this mask is black"),
        ((150, 150), ""),
    ]:
        mask = np.zeros((512, 512), np.uint8)
        if painted:
            mask[painted[0] - 60 : painted[0] + 60, painted[1] - 60 : painted[1] + 100] = 255
        Image.fromarray(mask).save(tmp_path / "mask.png")
        page.set_input_files("[name=mask_image_file]", tmp_path / "mask.png")
        expect(page.locator("#id_mask_image")).to_have_value(re.compile("^upload:"))
        if said:
            expect(note).to_contain_text(said)
        else:
            expect(note).to_be_hidden()
        page.get_by_role("button", name="Remove: Mask").click()
    expect(note).to_be_hidden()


def test_painting_waits_for_a_picture(opened):
    page = opened("lipsync-image")
    page.locator("summary", has_text="More options").click()
    paint = page.get_by_role("button", name="Paint a mask")
    expect(paint).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_text("Upload what is to move first")).to_be_visible()
    use_sample(page, "Picture")
    expect(paint).to_have_attribute("aria-disabled", "false")


@pytest.mark.parametrize("colours", ["light", "dark"])
@SIZES
def test_axe_finds_nothing_while_somebody_paints(opened, size, colours):
    page = opened("lipsync-image-multi", size, color_scheme=colours)
    use_sample(page, "Picture")
    told(page, "Picture", "Two faces found.")
    start_painting(page)
    page.get_by_role("button", name="Face 2").click()
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_chosen_file_is_named_under_its_preview(opened, sample_files):
    page = opened("lipsync-image")
    page.set_input_files("[name=audio_file]", sample_files["audio"])
    expect(field(page, "Speech").locator(".taken__name")).to_have_text("speech.wav")
