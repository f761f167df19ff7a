"""Posters, sounds and contact sheets: made by a process of its own, of what a person would see and hear."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from jobs.engine.derive import derive
from jobs.engine.errors import InputError
from jobs.engine.limits import DEFAULT, Limits
from tests.engine.files import number_in, numbered, write_clip, write_sound, write_video

pytestmark = pytest.mark.slow  # each is a process of its own


def luma(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def size(path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_a_poster_shows_the_video_upright_and_in_square_pixels(tmp_path):
    times = [number / 10 for number in range(6)]
    path = write_clip(
        tmp_path / "x",
        map(numbered, range(6)),
        times=times,
        turn=(90, False, False),
        aspect=Fraction(4, 3),
        container="mp4",
    )
    derive("poster", path, tmp_path / "poster.jpg", limits=DEFAULT)
    assert size(tmp_path / "poster.jpg") == (48, 84)


def test_a_poster_is_of_a_moment_in_the_video_and_small(tmp_path):
    path = write_video(tmp_path / "x", container="mp4", seconds=4, side=960)
    derive("poster", path, tmp_path / "poster.jpg", limits=DEFAULT)
    assert size(tmp_path / "poster.jpg") == (640, 640)
    # The frames brighten by one level each, 25 a second.
    assert np.median(luma(tmp_path / "poster.jpg")) == pytest.approx(25, abs=3)


def test_a_sheet_shows_twelve_moments_evenly_spread(tmp_path):
    times = [number / 10 for number in range(120)]
    path = write_clip(tmp_path / "x", map(numbered, range(120)), times=times, container="mp4")
    derive("sheet", path, tmp_path / "sheet.jpg", limits=DEFAULT)
    sheet = luma(tmp_path / "sheet.jpg")
    assert sheet.shape == (12 + 3 * (48 + 26 + 12), 12 + 4 * (64 + 12))
    tiles = [
        sheet[12 + row * 86 : 12 + row * 86 + 48, 12 + column * 76 : 12 + column * 76 + 64]
        for row in range(3)
        for column in range(4)
    ]
    assert [number_in(tile) for tile in tiles] == [10 * k + 5 for k in range(12)]


def test_a_sheet_of_one_frame_shows_it_once(tmp_path):
    path = write_video(tmp_path / "x", container="mp4", seconds=0.04, sound=False)
    derive("sheet", path, tmp_path / "sheet.jpg", limits=DEFAULT)
    assert size(tmp_path / "sheet.jpg") == (12 + 64 + 12, 12 + 64 + 26 + 12)


def test_the_sound_alone_is_as_long_as_it_was(tmp_path):
    path = write_video(tmp_path / "x", container="mp4", seconds=3)
    derive("sound", path, tmp_path / "sound.m4a", limits=DEFAULT)
    with av.open(str(tmp_path / "sound.m4a")) as sound:
        assert [stream.type for stream in sound.streams] == ["audio"]
        samples = sum(frame.samples for frame in sound.decode(audio=0))
        assert samples / 16_000 == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("what", ["poster", "sound", "sheet"])
def test_what_is_no_video_or_too_long_yields_a_code(tmp_path, what):
    (tmp_path / "text").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    sound = write_sound(tmp_path / "sound", codec="pcm_s16le", container="wav")
    film = write_video(tmp_path / "film", container="mp4", seconds=2)
    (tmp_path / "cut").write_bytes(film.read_bytes()[:900])
    for path, limits in (
        (tmp_path / "text", DEFAULT),
        (sound, DEFAULT),
        (tmp_path / "cut", DEFAULT),
        (film, Limits(seconds=1)),
    ):
        with pytest.raises(InputError) as caught:
            derive(what, path, tmp_path / "made", limits=limits)
        assert caught.value.code
