"""What the engine says of a file before a render: who is there, and how loud it is."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from jobs.engine.audio import Phone
from jobs.engine.bench.media import write_wav
from jobs.engine.errors import EngineDied, InputError
from jobs.engine.limits import Limits
from jobs.engine.look import look, picture_of
from tests.engine.files import numbered, write_clip, write_video
from tests.engine.samples import make, portrait, tone
from tests.engine.test_pair import openings, two_people

pytestmark = pytest.mark.slow  # each is a process of its own


def in_polygon(place, outline) -> bool:
    """Whether a ray to the right of a place crosses the outline an odd number of times."""
    (x, y), inside = place, False
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside


def test_a_face_is_outlined_in_fractions_of_the_picture():
    seen = look(portrait(), kind="image")

    assert (seen["width"], seen["height"]) == (480, 480)
    (face,) = seen["faces"]
    assert face["mouth"] == [pytest.approx(0.44, abs=0.03), pytest.approx(0.29, abs=0.03)]
    assert in_polygon(face["mouth"], face["outline"])
    assert all(in_polygon(place, face["region"]) for place in face["outline"])
    assert face["eyes"] == pytest.approx(57, abs=8)


def test_two_heads_share_the_picture_without_overlap(tmp_path):
    seen = look(two_people(tmp_path / "couple.png"), kind="image")

    one, other = seen["faces"]
    assert {round(one["middle"]), round(other["middle"])} == {0, 1}
    assert min(one["eyes"], other["eyes"]) > seen["least"]
    for here, there in ((one, other), (other, one)):
        assert in_polygon(here["mouth"], here["region"])
        assert not in_polygon(there["mouth"], here["region"])
        assert not any(in_polygon(place, here["region"]) for place in there["outline"])


def test_nobody_is_seen_in_an_empty_picture(tmp_path):
    Image.new("RGB", (640, 480), "gray").save(tmp_path / "x.png")

    seen = look(tmp_path / "x.png", kind="image")

    assert (seen["faces"], "later" in seen) == ([], False)


def test_a_small_face_is_seen_and_called_small(tmp_path):
    canvas = Image.new("RGB", (1000, 1000), "gray")
    with Image.open(portrait()) as head:
        canvas.paste(head.convert("RGB").resize((380, 380)), (300, 300))
    canvas.save(tmp_path / "x.png")

    seen = look(tmp_path / "x.png", kind="image")

    (face,) = seen["faces"]
    assert 16 < face["eyes"] < seen["least"] == 24


def frames_of(*pictures: Image.Image | None, side: int = 240) -> list[np.ndarray]:
    """(side, side, 3) uint8: the pictures in order, grey for None."""
    grey = np.full((side, side, 3), 128, np.uint8)
    return [
        grey if each is None else np.asarray(each.convert("RGB").resize((side, side))) for each in pictures
    ]


def test_a_video_shows_the_faces_of_its_first_picture(tmp_path):
    with Image.open(portrait()) as head:
        path = write_clip(tmp_path / "x", frames_of(*[head] * 3), pix_fmt="rgb24")

    seen = look(path, kind="video")

    assert (len(seen["faces"]), "later" in seen) == (1, False)
    assert seen["faces"][0]["mouth"] == [pytest.approx(0.44, abs=0.03), pytest.approx(0.29, abs=0.03)]


def test_somebody_who_comes_later_into_a_video_is_told_of(tmp_path):
    with Image.open(portrait()) as head:
        pictures = frames_of(*[None] * 50, *[head] * 25)
    path = write_clip(tmp_path / "x", pictures, pix_fmt="rgb24", options={"g": "10"})

    seen = look(path, kind="video")

    assert (seen["faces"], seen["later"]) == ([], pytest.approx(2.0, abs=0.6))


def test_a_video_of_nobody_says_so(tmp_path):
    seen = look(write_video(tmp_path / "x", container="mp4"), kind="video")

    assert (seen["faces"], seen["later"]) == ([], None)


@pytest.mark.parametrize(
    ("level", "talk", "loud", "clipped"),
    [(0.0, 0, -60, 0), (0.003, 2, -40, 0), (0.3, 2, -5, 0), (6.0, 2, 0.1, 0.05)],
)
def test_a_recording_is_measured(tmp_path, level, talk, loud, clipped):
    heard = look(tone(tmp_path / "x.wav", seconds=2.0, level=level), kind="audio")

    assert heard["seconds"] == pytest.approx(2.0, abs=0.01)
    assert heard["spoken"] == pytest.approx(talk, abs=0.1)
    assert heard["loudest"] <= loud
    assert (heard["clipped"] > 0.002) == bool(clipped)


def test_single_peaks_are_not_called_cut_off(tmp_path):
    noise = np.random.default_rng(1).normal(0, 3000, 32_000)
    noise[::1000] = 32_767
    assert look(write_wav(tmp_path / "x.wav", noise, 16_000), kind="audio")["clipped"] == 0


def test_the_picture_to_paint_on_is_upright_and_of_the_same_shape(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a secret place"
    Image.new("RGB", (2000, 1500), "red").save(tmp_path / "x.jpg", exif=exif)

    data = picture_of(tmp_path / "x.jpg", kind="image")

    assert b"a secret place" not in data
    with Image.open(io.BytesIO(data)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (720, 960))
        red, green, blue = shown.convert("RGB").getpixel((10, 10))
    assert red > 240
    assert max(green, blue) < 20


def test_the_picture_of_a_video_is_its_first_as_it_is_shown(tmp_path):
    path = write_clip(tmp_path / "x", map(numbered, range(4)), turn=(90, False, False))

    with Image.open(io.BytesIO(picture_of(path, kind="video"))) as shown:
        assert shown.size == (48, 64)


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_what_cannot_be_read_is_refused_as_by_the_probe(tmp_path, kind):
    (tmp_path / "x").write_text("ffconcat version 1.0\nfile /etc/passwd\n")

    with pytest.raises(InputError) as caught:
        look(tmp_path / "x", kind=kind)

    assert caught.value.code == "unsupported_format"


def test_what_is_too_long_and_thin_is_refused_as_by_a_render(tmp_path):
    Image.new("RGB", (4000, 20)).save(tmp_path / "x.png")

    with pytest.raises(InputError) as caught:
        look(tmp_path / "x.png", kind="image")

    assert caught.value.code == "too_large"


def test_limits_hold_while_looking(tmp_path):
    with pytest.raises(InputError) as caught:
        look(tone(tmp_path / "x.wav", seconds=2), kind="audio", limits=Limits(seconds=1))
    assert caught.value.code == "too_long"


def test_a_fault_of_our_own_is_not_blamed_on_the_file(tmp_path):
    with pytest.raises(EngineDied):
        look(tmp_path / "missing.png", kind="image")


@pytest.mark.parametrize("side", [0, 1])
def test_the_mask_of_a_face_moves_that_face_alone(tmp_path, side):
    """`lipsync-image` on a picture of two, with the mask that a click on one of the faces paints."""

    couple = two_people(tmp_path / "couple.png")
    faces = sorted(look(couple, kind="image")["faces"], key=lambda face: face["middle"])
    mask = np.zeros((300, 480), np.uint8)
    cv2.fillPoly(mask, [np.int32(np.array(faces[side]["region"]) * [480, 300])], 255)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    report = make(
        couple,
        tone(tmp_path / "a.wav", seconds=0.6),
        tmp_path / "out.mp4",
        mask_image=tmp_path / "mask.png",
        phones=[Phone("M", 0.0, 0.3), Phone("AA", 0.3, 0.6)],
        prompt="still head, no blinking",
    )
    assert report.faces == 2
    moved = np.ptp(openings(tmp_path / "out.mp4"), axis=1)
    assert moved[side] > 0.05
    assert moved[1 - side] < 0.01
