"""The one public call, on a real portrait and spoken sentences, judged by the file that it writes."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from jobs.engine import Canceled, InputError, RenderRequest, metrics, render
from jobs.engine.audio import Phone
from tests.engine.espeak import Spoken, speak
from tests.engine.samples import make, portrait, tone

SENTENCE = "Bob may buy a map of the park. Every happy puppy jumps above the old black boat, and people clap."


@pytest.fixture(scope="module")
def sentence(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    return speak(SENTENCE, tmp_path_factory.mktemp("speech") / "speech.wav")


@pytest.fixture(scope="module")
def heard(sentence: Spoken, tmp_path_factory: pytest.TempPathFactory):
    """The portrait saying the sentence, with the engine's own ears."""
    output = tmp_path_factory.mktemp("heard") / "out.mp4"
    return make(portrait(), sentence.path, output, seed=7), output


@pytest.fixture(scope="module")
def told(sentence: Spoken, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The mouth's opening over a render whose phones are known, as a landmark detector sees it."""
    output = tmp_path_factory.mktemp("told") / "out.mp4"
    make(portrait(), sentence.path, output, phones=sentence.phones, seed=7)
    return metrics.aperture(metrics.pictures(output))


@pytest.fixture
def buzz(tmp_path: Path) -> Path:
    return tone(tmp_path / "buzz.wav", seconds=0.6)


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_follows_speech_by_its_own_ears_and_fails_its_controls(heard, sentence):
    report, output = heard
    opening = metrics.aperture(metrics.pictures(output))
    wanted = metrics.truth(sentence.phones, opening.size, report.fps)
    found = metrics.sync(opening, wanted)
    assert found.r >= 0.5
    assert abs(found.lag) <= 1
    controls = metrics.controls(opening, report.fps)
    assert metrics.sync(controls["shifted"], wanted).lag == found.lag + 5
    for name in ("reversed", "frozen", "flapping"):
        assert metrics.sync(controls[name], wanted).r < found.r - 0.25, name


@pytest.mark.slow
def test_shows_the_phones_it_is_told_and_shuts_for_closures(told, sentence):
    wanted = metrics.truth(sentence.phones, told.size, 25)
    found = metrics.sync(told, wanted)
    assert found.r >= 0.75
    assert abs(found.lag) <= 1
    closures = metrics.closures(told, sentence.phones, 25)
    assert len(closures.hits) >= 15
    assert closures.j >= 0.35
    for name, motion in metrics.controls(told, 25).items():
        assert metrics.closures(motion, sentence.phones, 25).j < 0.2, name
    assert metrics.opening_range(told) >= 0.04


@pytest.mark.slow
def test_follows_this_speech_and_not_another(told, sentence, tmp_path):
    other = speak("She sells sea shells; yes, he sees three green trees.", tmp_path / "other.wav")
    right = metrics.sync(told, metrics.truth(sentence.phones, told.size, 25)).r
    wrong = metrics.sync(told, metrics.truth(other.phones, told.size, 25)).r
    assert wrong < right - 0.4


def test_writes_a_file_that_plays_everywhere(heard, sentence):
    report, output = heard
    with av.open(str(output)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        context = video.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            1,
            1,
        )
        assert (context.width, context.height) == (480, 480) == (report.width, report.height)
        assert video.average_rate == 25
        assert audio.codec_context.name == "aac"
        assert float(audio.duration * audio.time_base) == pytest.approx(sentence.seconds, abs=0.05)
        assert sum(1 for _ in container.decode(video=0)) == report.frames
    assert report.frames / 25 == pytest.approx(sentence.seconds, abs=0.04)
    head = output.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")


def test_keeps_the_sound_where_it_was(heard, sentence):
    def envelope(path: Path) -> np.ndarray:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=8000)
        with av.open(str(path)) as container:
            parts = [out.to_ndarray()[0] for f in container.decode(audio=0) for out in resampler.resample(f)]
        loud = np.abs(np.concatenate(parts))
        return loud[: loud.size // 80 * 80].reshape(-1, 80).mean(axis=1)

    before, after = envelope(sentence.path), envelope(heard[1])
    size = min(before.size, after.size)
    shifts = {
        lag: np.corrcoef(before[5 : size - 5], after[5 + lag : size - 5 + lag])[0, 1] for lag in range(-5, 6)
    }
    best = max(shifts, key=lambda lag: shifts[lag])
    assert abs(best) <= 1  # 10 ms each
    assert shifts[best] > 0.97


def test_reports_what_it_made(heard):
    report, _ = heard
    assert report.faces == 1
    assert report.seed == 7
    assert set(report.timings) == {"read", "face", "phones", "draw", "encode"}
    assert report.warnings == []


def test_same_seed_gives_the_same_frames_and_another_seed_others(buzz, tmp_path):
    one, same, other = (tmp_path / name for name in ("one.mp4", "same.mp4", "other.mp4"))
    long = tone(tmp_path / "long.wav", seconds=1.2)
    for output, seed in ((one, 5), (same, 5), (other, 6)):
        make(portrait(), long, output, seed=seed)
    first = frames_of(one)
    assert all(np.array_equal(a, b) for a, b in zip(first, frames_of(same), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, frames_of(other), strict=True))


@pytest.mark.parametrize(
    ("width", "height", "resolution", "expected"),
    [(512, 512, 720, (720, 720)), (200, 260, 480, (480, 624)), (501, 377, 480, (638, 480))],
)
def test_scales_the_shorter_side_and_keeps_the_aspect(buzz, tmp_path, width, height, resolution, expected):
    with Image.open(portrait()) as source:
        face = source.convert("RGB").crop((100, 0, 350, 250)).resize((min(width, height),) * 2)
    canvas = Image.new("RGB", (width, height), "gray")
    canvas.paste(face, (0, 0))
    canvas.save(tmp_path / "picture.png")
    report = make(tmp_path / "picture.png", buzz, tmp_path / "out.mp4", resolution=resolution)
    assert (report.width, report.height) == expected


def test_turns_a_phone_picture_upright(buzz, tmp_path):
    with Image.open(portrait()) as source:
        turned = source.convert("RGB").crop((0, 0, 512, 400)).rotate(90, expand=True)
    exif = turned.getexif()
    exif[0x0112] = 6  # shown turned a quarter clockwise
    turned.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    report = make(tmp_path / "phone.jpg", buzz, tmp_path / "out.mp4")
    assert (report.width, report.height) == (614, 480)


def test_black_of_the_mask_never_moves(buzz, tmp_path):
    Image.new("L", (512, 512), 0).save(tmp_path / "mask.png")
    vowel = [Phone("SIL", 0.0, 0.2), Phone("AA", 0.2, 0.6)]
    make(portrait(), buzz, tmp_path / "still.mp4", mask_image=tmp_path / "mask.png", phones=vowel)
    frames = [frame.astype(int) for frame in frames_of(tmp_path / "still.mp4")]
    assert max(np.abs(frame - frames[0]).mean() for frame in frames) < 0.3
    make(portrait(), buzz, tmp_path / "moving.mp4", phones=vowel)
    moving = [frame.astype(int) for frame in frames_of(tmp_path / "moving.mp4")]
    assert max(np.abs(frame - moving[0]).max() for frame in moving) > 40


def test_silent_audio_is_a_warning_and_a_still_mouth(tmp_path):
    report = make(portrait(), tone(tmp_path / "a.wav", level=0.0), tmp_path / "out.mp4", prompt="still head")
    assert report.warnings == ["silent_audio"]
    opening = metrics.aperture(metrics.pictures(tmp_path / "out.mp4"))
    assert metrics.opening_range(opening) < 0.01


def test_picture_without_a_face_is_refused_and_leaves_nothing(buzz, tmp_path):
    Image.effect_noise((320, 320), 60).convert("RGB").save(tmp_path / "noise.png")
    with pytest.raises(InputError) as refused:
        make(tmp_path / "noise.png", buzz, tmp_path / "out.mp4")
    assert refused.value.code == "no_face"
    assert not (tmp_path / "out.mp4").exists()


def test_long_thin_picture_is_refused(buzz, tmp_path):
    Image.new("RGB", (40, 4000)).save(tmp_path / "thin.png")
    with pytest.raises(InputError) as refused:
        make(tmp_path / "thin.png", buzz, tmp_path / "out.mp4")
    assert refused.value.code == "too_large"


def test_audio_over_the_limit_is_refused(tmp_path):
    with pytest.raises(InputError) as refused:
        make(portrait(), tone(tmp_path / "a.wav", seconds=2.0), tmp_path / "out.mp4", max_seconds=1.0)
    assert refused.value.code == "too_long"


def test_broken_audio_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(tone(tmp_path / "whole.wav").read_bytes()[:40])
    with pytest.raises(InputError) as refused:
        make(portrait(), tmp_path / "a.wav", tmp_path / "out.mp4")
    assert refused.value.code == "audio_unreadable"


def test_cancel_ends_it_and_leaves_nothing(buzz, tmp_path):
    stages: list[str] = []
    request = RenderRequest("lipsync-image", {"image": portrait(), "audio": buzz}, tmp_path / "out.mp4")
    with pytest.raises(Canceled):
        render(
            request,
            on_progress=lambda stage, fraction: stages.append(stage),
            is_canceled=lambda: "frames" in stages,
        )
    assert not (tmp_path / "out.mp4").exists()


def test_progress_only_grows_and_ends_at_one(buzz, tmp_path):
    told: list[float] = []
    request = RenderRequest("lipsync-image", {"image": portrait(), "audio": buzz}, tmp_path / "out.mp4")
    render(request, on_progress=lambda stage, fraction: told.append(fraction), is_canceled=lambda: False)
    assert told == sorted(told)
    assert told[-1] == 1.0
