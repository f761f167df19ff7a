"""`lipsync-video` on videos of the portrait that the test itself makes talk."""

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from jobs.engine import Canceled, InputError, RenderReport, RenderRequest, metrics
from jobs.engine.audio import Phone
from jobs.engine.clip import Clip
from jobs.engine.glimpse import faces_elsewhere
from jobs.engine.landmarks import MediapipeLandmarks
from jobs.engine.rendering import render
from jobs.engine.visemes import frame_count
from tests.engine.files import write_clip
from tests.engine.samples import Script, tone
from tests.engine.talking import SIDE, babble, talking_pictures, write_pictures

FRAMES = 40
# Shut, open, shut, open, shut: at another pace than the video's own mouth.
PHONES = [
    Phone("SIL", 0.0, 0.35),
    Phone("AA", 0.35, 0.7),
    Phone("M", 0.7, 0.95),
    Phone("AA", 0.95, 1.3),
    Phone("M", 1.3, 1.6),
]


@pytest.fixture(scope="module")
def opening() -> np.ndarray:
    return babble(FRAMES)


@pytest.fixture(scope="module")
def pictures(opening: np.ndarray) -> list[np.ndarray]:
    return talking_pictures(opening)


@pytest.fixture(scope="module")
def video(pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("talking") / "video.mp4", pictures)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A buzz wherever the phones are not silent."""
    path = tone(tmp_path_factory.mktemp("voice") / "voice.wav", seconds=FRAMES / 25)
    with wave.open(str(path), "rb") as file:
        header, sound = file.getparams(), np.frombuffer(file.readframes(-1), "<i2").copy()
    for phone in PHONES:
        if phone.name == "SIL":
            sound[int(phone.start * header.framerate) : int(phone.end * header.framerate)] = 0
    with wave.open(str(path), "wb") as file:
        file.setparams(header)
        file.writeframes(sound.tobytes())
    return path


def dub(video: Path, voice: Path, output: Path, *, mask: Path | None = None, **fields) -> RenderReport:
    inputs = {"video": video, "audio": voice} | ({"mask_image": mask} if mask else {})
    return render(
        RenderRequest("lipsync-video", inputs, output, **{"resolution": SIDE, **fields}),
        on_progress=lambda stage, fraction: None,
        is_canceled=lambda: False,
        phones=Script(PHONES),
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@pytest.fixture(scope="module")
def dubbed(video: Path, voice: Path, tmp_path_factory: pytest.TempPathFactory):
    output = tmp_path_factory.mktemp("dubbed") / "out.mp4"
    return dub(video, voice, output), output


def test_the_mouth_says_the_new_words_and_not_its_own(dubbed, video, opening):
    _, output = dubbed
    before = metrics.aperture(metrics.pictures(video))
    after = metrics.aperture(metrics.pictures(output))
    assert correlation(before, opening) > 0.9  # or the video itself would prove nothing
    wanted = metrics.truth(PHONES, FRAMES, 25)
    found = metrics.sync(after, wanted)
    assert found.r > 0.8
    assert abs(found.lag) <= 1
    assert correlation(after, before) < correlation(wanted, opening) + 0.2
    shut = [k for k in range(FRAMES) if 0.75 < k / 25 < 0.9 or 1.35 < k / 25 < 1.55]
    assert before[shut].max() > 0.08
    assert after[shut].max() < 0.035
    assert after[10:16].min() > 0.04


def test_report_says_what_was_made(dubbed):
    report, _ = dubbed
    assert (report.frames, report.fps, report.faces) == (FRAMES, 25, 1)
    assert (report.width, report.height) == (SIDE, SIDE)
    assert report.warnings == []


def film(path: Path, pictures: list[np.ndarray], **options) -> Path:
    options = {"options": {"preset": "ultrafast", "crf": "10"}, **options}
    return write_clip(path, pictures, pix_fmt="rgb24", **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "shown", "fps"),
    [
        ({"rate": Fraction(30000, 1001)}, 40, Fraction(30000, 1001)),
        ({"rate": 50}, 40, 50),
        ({"rate": 25}, 24, 25),
        ({"rate": 25, "turn": (90, False, False)}, 40, 25),
        ({"times": np.cumsum(np.random.default_rng(5).choice([0.02, 0.03, 0.05, 0.08], 40))}, 40, None),
    ],
    ids=["29.97", "50", "much shorter than the recording", "turned", "variable rate"],
)
def test_any_video_is_as_long_as_the_recording_and_changes_around_the_mouth_alone(
    pictures, voice, tmp_path, options, shown, fps
):
    degrees = options["turn"][0] if "turn" in options else 0
    stored = [np.ascontiguousarray(np.rot90(picture, -degrees // 90)) for picture in pictures[:shown]]
    video = film(tmp_path / "in.mp4", stored, **options)

    report = dub(video, voice, tmp_path / "out.mp4")

    before = Clip(video, resolution=SIDE, seconds=FRAMES / 25)
    assert report.fps == float(before.fps if fps is None else fps)
    assert report.frames == frame_count(FRAMES / 25, report.fps)
    assert report.warnings == []
    with av.open(str(tmp_path / "out.mp4")) as made:
        assert float(made.streams.video[0].average_rate) == pytest.approx(report.fps, rel=1e-4)
        sound = made.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(FRAMES / 25, abs=0.05)
        after = [frame.to_ndarray()[:SIDE] for frame in made.decode(video=0)]
    assert len(after) == report.frames
    changes = np.array([np.abs(a.astype(int) - b.planes.y) for a, b in zip(after, before, strict=True)])
    face = MediapipeLandmarks.shared().find(pictures[0])[0]
    (x, y), unit = face.points[[13, 14], :2].mean(axis=0), face.eye_distance
    jaw = np.zeros((SIDE, SIDE), bool)
    jaw[int(y - unit) : int(y + 1.5 * unit), int(x - 1.3 * unit) : int(x + 1.3 * unit)] = True
    assert changes[:, ~jaw].mean(axis=1).max() < 3  # what encoding twice does
    assert changes[:, int(y) - 8 : int(y) + 20, int(x) - 20 : int(x) + 20].mean(axis=(1, 2)).max() > 12


def test_words_about_head_and_eyes_are_not_called_used(pictures, tmp_path):
    video = write_pictures(tmp_path / "in.mp4", pictures[:4])
    sound = tone(tmp_path / "a.wav", seconds=0.16)
    report = dub(video, sound, tmp_path / "out.mp4", prompt="smiling, still head, no blinking, wide mouth")
    assert report.prompt_words == ["smiling", "wide mouth"]


def test_canceling_leaves_nothing_behind(video, voice, tmp_path):
    stages: list[str] = []
    request = RenderRequest(
        "lipsync-video", {"video": video, "audio": voice}, tmp_path / "out.mp4", resolution=SIDE
    )
    with pytest.raises(Canceled):
        render(
            request,
            on_progress=lambda stage, fraction: stages.append(stage),
            is_canceled=lambda: stages.count("frames") > 2,
            phones=Script(PHONES),
        )
    assert not (tmp_path / "out.mp4").exists()


@pytest.fixture(scope="module")
def nobody() -> list[np.ndarray]:
    """Ten seconds at 10 frames a second."""
    noise = np.asarray(Image.effect_noise((SIDE, SIDE), 60).convert("RGB"))
    return [np.roll(noise, k, axis=0) for k in range(100)]


def glimpsed(path: Path, *, mask: np.ndarray | None = None) -> int | None:
    return faces_elsewhere(path, MediapipeLandmarks.shared(), size=(SIDE, SIDE), seconds=9.9, mask=mask)


def test_a_long_video_without_a_face_is_refused_before_a_frame_is_made(nobody, tmp_path):
    video = film(tmp_path / "in.mp4", nobody, rate=10, options={"g": "10", "preset": "ultrafast"})
    stages: list[str] = []
    inputs = {"video": video, "audio": tone(tmp_path / "a.wav", seconds=10.0)}
    with pytest.raises(InputError, match="No face was found in the video") as refused:
        render(
            RenderRequest("lipsync-video", inputs, tmp_path / "out.mp4", resolution=SIDE),
            on_progress=lambda stage, fraction: stages.append(stage),
            is_canceled=lambda: False,
            phones=Script(PHONES),
        )
    assert refused.value.code == "no_face"
    assert set(stages) == {"read", "face"}


def test_a_face_anywhere_or_frames_that_nobody_saw_refuse_nothing(nobody, pictures, tmp_path):
    options = {"preset": "ultrafast", "g": "10", "sc_threshold": "0"}
    late = [*nobody[:60], *pictures[:12], *nobody[72:]]
    shown = film(tmp_path / "late.mp4", late, rate=10, options=options)
    assert glimpsed(shown) is None
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, :40] = 255
    assert glimpsed(shown, mask=mask) == 1
    hidden = film(tmp_path / "sparse.mp4", nobody, rate=10, options={**options, "g": "30"})
    assert glimpsed(hidden) is None
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(shown.read_bytes()[:20_000])
    assert glimpsed(broken) is None


def test_video_without_a_face_is_refused_and_leaves_nothing(voice, tmp_path):
    noise = np.asarray(Image.effect_noise((SIDE, SIDE), 60).convert("RGB"))
    video = write_pictures(tmp_path / "noise.mp4", [noise] * 10)
    with pytest.raises(InputError) as refused:
        dub(video, voice, tmp_path / "out.mp4")
    assert refused.value.code == "no_face"
    assert not (tmp_path / "out.mp4").exists()
