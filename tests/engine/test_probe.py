"""The probe: a process of its own tells what a file is, and dies of it alone."""

import os
import struct
import subprocess
import sys
import zlib
from dataclasses import asdict
from fractions import Fraction

import pytest
from PIL import Image

from jobs.engine import confine
from jobs.engine.clip import Clip
from jobs.engine.errors import EngineDied, InputError
from jobs.engine.limits import Limits
from jobs.engine.probe import Probe, probe
from tests.engine.files import numbered, write_clip, write_sound, write_video


def refusal(path, *, kind, **options) -> InputError:
    with pytest.raises(InputError) as caught:
        probe(path, kind=kind, **options)
    assert caught.value.sentence.endswith(".")
    return caught.value


def test_a_picture_is_measured_as_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (48, 32)).save(tmp_path / "x.bin", format="JPEG", exif=exif)

    size = (tmp_path / "x.bin").stat().st_size
    assert probe(tmp_path / "x.bin", kind="image") == Probe("image", "jpeg", size, width=32, height=48)


@pytest.mark.parametrize(
    ("codec", "container", "format_"),
    [("pcm_s16le", "wav", "wav"), ("flac", "flac", "flac"), ("aac", "ipod", "mp4")],
)
def test_sound_is_measured_without_the_padding_of_its_codec(tmp_path, codec, container, format_):
    path = write_sound(tmp_path / "-x", codec=codec, container=container, seconds=2.0)

    found = probe(path, kind="audio")

    assert (found.format, found.channels, found.seconds) == (format_, 1, pytest.approx(2.0, abs=1e-6))


@pytest.mark.parametrize(("codec", "container"), [("libx264", "mp4"), ("libvpx-vp9", "webm")])
def test_a_video_is_measured_by_its_packets(tmp_path, codec, container):
    path = write_video(tmp_path / "x", codec=codec, container=container, seconds=2.0)

    found = probe(path, kind="video")

    assert (found.width, found.height, found.channels) == (64, 64, 1)
    assert found.seconds == pytest.approx(2.0, abs=0.05)
    assert found.fps == pytest.approx(25, abs=0.5)


def test_a_video_is_measured_as_it_is_shown(tmp_path):
    """Turned, with wide pixels, with frames at uneven times of which the first is not at zero."""
    times = [1.0, 1.03, 1.1, 1.2, 1.25, 1.5]
    path = write_clip(
        tmp_path / "x",
        map(numbered, range(6)),
        times=times,
        turn=(90, False, False),
        aspect=Fraction(4, 3),
        container="mp4",
    )

    found = probe(path, kind="video")

    assert (found.width, found.height) == (48, 85)
    assert found.fps == pytest.approx(5 / 0.5, abs=0.1)
    clip = Clip(path, resolution=48, seconds=1)
    assert found.seconds == clip.source_seconds == pytest.approx(0.5, abs=0.3)
    assert (clip.width, clip.height) == (48, 84)


def test_refusals_cross_the_process_with_code_and_sentence(tmp_path):
    (tmp_path / "x.png").write_text("<svg/>")
    sound = write_sound(tmp_path / "x.wav", codec="pcm_s16le", container="wav")

    assert refusal(tmp_path / "x.png", kind="image").code == "unsupported_format"
    assert refusal(sound, kind="audio", limits=Limits(seconds=0.5)).code == "too_long"
    assert refusal(sound, kind="audio", limits=Limits(bytes=100)).code == "too_large"
    assert "MP4, MOV, WebM or MKV" in refusal(sound, kind="video").sentence


def test_a_file_that_never_ends_is_given_up(tmp_path):
    os.mkfifo(tmp_path / "x")

    assert refusal(tmp_path / "x", kind="audio", wall_seconds=2).code == "audio_unreadable"


def test_a_picture_beyond_the_memory_of_the_process_is_refused(tmp_path):
    """Limits set too wide by a mistake: the address space still holds."""
    side = 30_000
    data = zlib.compress(bytes((side // 8 + 1) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    with (tmp_path / "x").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, body in chunks:
            file.write(
                struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            )

    wide = Limits(pixels=10**10, picture_side=10**5)
    assert refusal(tmp_path / "x", kind="image", limits=wide).code in ("image_unreadable", "too_large")


def test_forty_megapixels_with_transparency_fit(tmp_path):
    Image.new("RGBA", (8000, 5000), (1, 2, 3, 128)).save(tmp_path / "x", format="PNG", compress_level=1)

    assert probe(tmp_path / "x", kind="image").width == 8000


def test_a_fault_of_our_own_is_not_blamed_on_the_file(tmp_path):
    with pytest.raises(EngineDied) as caught:
        probe(tmp_path / "missing", kind="audio")
    assert "FileNotFoundError" in caught.value.detail


def test_the_probe_ends_at_once_when_its_parent_is_another(tmp_path):
    sound = write_sound(tmp_path / "x", codec="flac", container="flac")
    command = [sys.executable, "-m", "jobs.engine.probe", "audio", str(sound), "{}", str(os.getppid())]

    done = subprocess.run(command, cwd=confine.ROOT, capture_output=True)

    assert (done.returncode, done.stdout) == (1, b"")


def test_limits_travel_whole():
    assert Limits(**asdict(Limits(seconds=7))) == Limits(seconds=7)
