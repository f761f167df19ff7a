"""The output file: its clock, its colours, its sound, and that nothing is left when it is not finished."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from jobs.engine.encode import Mp4Writer
from jobs.engine.errors import InputError
from tests.engine.files import tone, write_sound

WIDTH, HEIGHT = 64, 48


class TwoTones:
    """A sound that is no file: one tone a channel, in blocks of odd lengths."""

    rate, layout = 32_000, "stereo"

    def __init__(self, seconds: float) -> None:
        left, right = (tone(seconds, rate=self.rate, hertz=hertz) for hertz in (440.0, 880.0))
        self._samples = np.stack([left, right])

    def blocks(self):
        for start in range(0, self._samples.shape[1], 777):
            yield self._samples[:, start : start + 777]


def write(path, *, sound, fps=25, frames=25, max_seconds=60.0):
    size = {"width": WIDTH, "height": HEIGHT}
    with Mp4Writer(path, **size, fps=fps, sound=sound, max_seconds=max_seconds) as writer:
        for level in range(frames):
            writer.write(np.full((HEIGHT * 3 // 2, WIDTH), 16 + level, np.uint8))
    return path


@pytest.fixture
def recording(tmp_path):
    return write_sound(tmp_path / "voice", codec="pcm_s16le", container="wav")


@pytest.mark.parametrize("fps", [24, 25, 60, Fraction(24000, 1001), Fraction(30000, 1001)])
def test_every_frame_is_exactly_on_the_clock(tmp_path, recording, fps):
    path = write(tmp_path / "x.mp4", sound=recording, fps=fps, frames=100)

    with av.open(path) as container:
        stream = container.streams.video[0]
        times = [frame.pts * frame.time_base for frame in container.decode(stream)]
        assert stream.average_rate == fps
    assert times == [Fraction(index) / fps for index in range(100)]


def test_colours_are_tagged_for_every_player(tmp_path, recording):
    with av.open(write(tmp_path / "x.mp4", sound=recording)) as container:
        frame = next(container.decode(video=0))

    tags = (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
    assert tags == (1, 1, 1, 1)  # BT.709 and limited range, by their numbers in ITU-T H.273


def test_any_sound_can_be_put_beside_the_frames(tmp_path):
    path = write(tmp_path / "x.mp4", sound=TwoTones(1.0))

    with av.open(path) as container:
        assert container.streams.audio[0].codec_context.rate == 32_000
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    spectrum = np.abs(np.fft.rfft(heard[:, 8_000:24_000] * np.hanning(16_000)))
    assert list(spectrum.argmax(axis=1) * 2) == [440, 880]
    assert heard.shape[1] == pytest.approx(32_000, abs=2048)


def test_nothing_is_left_of_a_file_that_was_given_up(tmp_path, recording):
    size = {"width": WIDTH, "height": HEIGHT}
    writer = Mp4Writer(tmp_path / "x.mp4", **size, fps=25, sound=recording, max_seconds=60)

    with pytest.raises(KeyboardInterrupt), writer:
        raise KeyboardInterrupt

    assert not (tmp_path / "x.mp4").exists()


def test_nothing_is_left_when_the_sound_is_bad_at_its_end(tmp_path, recording):
    """The last of the sound is read when the file is finished."""
    with pytest.raises(InputError) as caught:
        write(tmp_path / "x.mp4", sound=recording, frames=10, max_seconds=0.9)
    assert caught.value.code == "too_long"
    assert not (tmp_path / "x.mp4").exists()


def test_the_same_frames_give_the_same_file_however_often_they_are_written(tmp_path, recording):
    noise = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (360, 426)).astype(np.uint8), (0, 0), 3
    )
    files = set()
    for attempt in range(8):
        path = tmp_path / f"{attempt}.mp4"
        size = {"width": 426, "height": 240}
        with Mp4Writer(path, **size, fps=25, sound=recording, max_seconds=60.0) as writer:
            for k in range(60):
                writer.write(np.roll(noise, k, axis=1))
        files.add(path.read_bytes())
    assert len(files) == 1
