"""`lipsync-video` on videos of the portrait that the test itself makes talk."""

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.engine import Canceled, InputError, RenderReport, RenderRequest, metrics
from jobs.engine.audio import Phone
from jobs.engine.rendering import render
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


def test_video_without_a_face_is_refused_and_leaves_nothing(voice, tmp_path):
    noise = np.asarray(Image.effect_noise((SIDE, SIDE), 60).convert("RGB"))
    video = write_pictures(tmp_path / "noise.mp4", [noise] * 10)
    with pytest.raises(InputError) as refused:
        dub(video, voice, tmp_path / "out.mp4")
    assert refused.value.code == "no_face"
    assert not (tmp_path / "out.mp4").exists()
