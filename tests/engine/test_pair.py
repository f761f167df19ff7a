"""Two people in one picture, each with a voice of their own."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from jobs.engine import InputError, RenderReport, RenderRequest, metrics
from jobs.engine.audio import Phone
from jobs.engine.compose import Portrait
from jobs.engine.landmarks import Face, MediapipeLandmarks
from jobs.engine.motion import Performance
from jobs.engine.mouth import Style
from jobs.engine.pair import Pair
from jobs.engine.rendering import render
from jobs.engine.territory import divided
from jobs.engine.visemes import MouthTrack
from tests.engine.samples import Script, portrait, tone


def two_people(path: Path, *, sides: tuple[int, int] = (140, 310)) -> Path:
    """The portrait's head and to the right of it its mirror image. sides : where each is cut, pixels."""
    with Image.open(portrait()) as source:
        head = source.convert("RGB").crop((sides[0], 0, sides[1], 220))
    head = head.resize((240, 240 * head.height // head.width))
    canvas = Image.new("RGB", (480, 300), "gray")
    canvas.paste(head, (0, 0))
    canvas.paste(ImageOps.mirror(head), (240, 0))
    canvas.save(path)
    return path


@pytest.fixture(scope="module")
def couple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_people(tmp_path_factory.mktemp("couple") / "couple.png")


def make(image: Path, output: Path, *, prompt: str = "still head, no blinking", **fields) -> RenderReport:
    given = {name: fields.pop(name, None) for name in ("left_audio", "right_audio", "mask_image")}
    inputs = {"image": image, **{name: path for name, path in given.items() if path}}
    request = RenderRequest("lipsync-image-multi", inputs, output, prompt=prompt, **fields)
    vowel = Script([Phone("AA", 0.0, 60.0)])
    return render(request, on_progress=lambda stage, fraction: None, is_canceled=lambda: False, phones=vowel)


def openings(path: Path) -> np.ndarray:
    """(2, frames): how far the left and the right mouth are open, each judged in its half of the picture."""
    frames = list(metrics.pictures(path))
    middle = frames[0].shape[1] // 2
    halves = (slice(None, middle), slice(middle, None))
    return np.stack([metrics.aperture(np.ascontiguousarray(f[:, half]) for f in frames) for half in halves])


def seconds_of_sound(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return float(stream.duration * stream.time_base)


@pytest.mark.parametrize(
    ("order", "first", "second"),
    [("left_right", 0, 1), pytest.param("right_left", 1, 0, marks=pytest.mark.slow)],
)
def test_one_after_the_other_while_the_other_listens(couple, tmp_path, order, first, second):
    report = make(
        couple,
        tmp_path / "out.mp4",
        left_audio=tone(tmp_path / "a.wav", seconds=0.6),
        right_audio=tone(tmp_path / "b.wav", seconds=0.6),
        order=order,
    )
    assert (report.frames, report.faces, report.warnings) == (30, 2, [])
    opened = openings(tmp_path / "out.mp4")
    speaks = opened[:, 4:12].mean(axis=1), opened[:, 19:27].mean(axis=1)
    assert speaks[0][first] > speaks[0][second] + 0.03
    assert speaks[1][second] > speaks[1][first] + 0.03
    assert seconds_of_sound(tmp_path / "out.mp4") == pytest.approx(1.2, abs=0.03)


def test_meanwhile_is_as_long_as_the_longer_and_is_the_default(couple, tmp_path):
    report = make(
        couple,
        tmp_path / "out.mp4",
        left_audio=tone(tmp_path / "a.wav", seconds=0.4),
        right_audio=tone(tmp_path / "b.wav", seconds=0.8),
    )
    assert report.frames == 20
    left, right = openings(tmp_path / "out.mp4")
    assert left[3:8].mean() > left[14:].mean() + 0.03
    assert right[13:18].mean() > 0.03
    assert seconds_of_sound(tmp_path / "out.mp4") == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("side", "speaks", "listens"),
    [pytest.param("left_audio", 0, 1, marks=pytest.mark.slow), ("right_audio", 1, 0)],
)
def test_side_without_a_voice_only_listens(couple, tmp_path, side, speaks, listens):
    report = make(
        couple, tmp_path / "out.mp4", order="left_right", **{side: tone(tmp_path / "a.wav", seconds=0.4)}
    )
    assert report.frames == 10
    opened = openings(tmp_path / "out.mp4")[:, 3:8].mean(axis=1)
    assert opened[speaks] > opened[listens] + 0.03


def test_mask_holds_one_of_the_two(couple, tmp_path):
    mask = np.zeros((300, 480), np.uint8)
    mask[:, 240:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    silence = tone(tmp_path / "a.wav", seconds=0.4, level=0.0)
    make(couple, tmp_path / "out.mp4", left_audio=silence, mask_image=tmp_path / "mask.png")
    left, right = openings(tmp_path / "out.mp4")
    assert left.min() > 0.08  # the smile of the picture, as it was
    assert right.max() < 0.03


def test_one_face_is_refused_with_what_was_found(tmp_path):
    with pytest.raises(InputError, match="only one face was found") as refused:
        make(portrait(), tmp_path / "out.mp4", left_audio=tone(tmp_path / "a.wav"))
    assert refused.value.code == "two_faces_needed"
    assert not (tmp_path / "out.mp4").exists()


def test_two_recordings_in_a_row_over_the_limit_are_refused(couple, tmp_path):
    voice = tone(tmp_path / "a.wav", seconds=0.6)
    with pytest.raises(InputError) as refused:
        make(
            couple,
            tmp_path / "o.mp4",
            left_audio=voice,
            right_audio=voice,
            order="left_right",
            max_seconds=1.0,
        )
    assert refused.value.code == "too_long"


def test_progress_only_grows(couple, tmp_path):
    told: list[float] = []
    voice = tone(tmp_path / "a.wav", seconds=0.4)
    request = RenderRequest(
        "lipsync-image-multi",
        {"image": couple, "left_audio": voice, "right_audio": voice},
        tmp_path / "out.mp4",
    )
    render(request, on_progress=lambda stage, fraction: told.append(fraction), is_canceled=lambda: False)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_request_keeps_its_order_over_the_pipe(tmp_path):
    request = RenderRequest("lipsync-image-multi", {}, tmp_path / "o.mp4", order="right_left")
    assert RenderRequest.from_json(request.to_json()) == request


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, list[Face]]:
    """Two heads so close that each would move the other's hair, and where their faces are."""
    path = two_people(tmp_path_factory.mktemp("crowd") / "crowd.png", sides=(163, 288))
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    faces = MediapipeLandmarks.shared().find(picture)
    return picture, sorted(faces, key=lambda face: face.box[0])


def test_heads_that_touch_join_without_a_seam(crowded):
    picture, faces = crowded
    portraits = [
        Portrait(picture, face, style=Style(), territory=territory)
        for face, territory in zip(faces, divided(*faces), strict=True)
    ]
    left, right = portraits
    assert left.box.x + left.box.width > right.box.x + 40  # they would overlap
    track = MouthTrack(*(np.full(1, value, np.float32) for value in (1, 0, 0, 0, 0, 0, 1)))
    turned = [
        Performance(np.array([head], np.float32), np.ones(1, np.float32))
        for head in ((-0.05, 0.03, -0.03, 0.02, 0.01), (0.05, 0.03, 0.03, -0.02, 0.01))
    ]
    drawn = Pair((left, right), None).draw((track, track), (turned[0], turned[1]), 0).copy()
    moved = np.abs(drawn.y.astype(int) - left.source.y)
    assert moved[:, :232].max() > 60
    assert moved[:, 248:].max() > 60
    assert moved[:, 238:242].max() <= 2  # on the line between them nothing moves
    alone = Portrait(picture, faces[0], style=Style()).draw(track, turned[0], 0)
    assert np.abs(alone.y.astype(int) - left.source.y)[:, 238:242].max() > 20  # or it would


def test_each_half_is_drawn_by_its_own_head_alone(crowded):
    picture, faces = crowded
    lands = divided(*faces)
    left, right = (
        Portrait(picture, f, style=Style(), territory=t) for f, t in zip(faces, lands, strict=True)
    )
    speaks = MouthTrack(*(np.full(1, value, np.float32) for value in (1, 0, 0, 0, 0, 0, 1)))
    still = Performance(np.zeros((1, 5), np.float32), np.zeros(1, np.float32))
    drawn = Pair((left, right), None).draw((speaks, MouthTrack.still(1)), (still, still), 0)
    own = lands[0].holds(drawn.shape)
    assert np.array_equal(own, ~lands[1].holds(drawn.shape) & own)
    assert np.abs(drawn.y.astype(int) - left.source.y)[own].max() > 60
    rest = Portrait(picture, faces[1], style=Style(), territory=lands[1]).draw(MouthTrack.still(1), still, 0)
    assert np.array_equal(drawn.y[~own], rest.y[~own])
