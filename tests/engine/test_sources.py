"""Opening sound and video: what is taken, what is refused, and that only the given file is ever read."""

import io
import random
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jobs.engine.errors import InputError
from jobs.engine.limits import Limits
from jobs.engine.sources import audio_frames, open_container, sniff, video_frames
from tests.engine.files import RATE, tone, write_sound, write_video

SOUNDS = [
    ("pcm_s16le", "wav", 16_000, "wav"),
    ("libmp3lame", "mp3", 16_000, "mp3"),
    ("aac", "ipod", 16_000, "mp4"),
    ("aac", "adts", 16_000, "aac"),
    ("aac", "mov", 16_000, "mov"),
    ("flac", "flac", 16_000, "flac"),
    ("libopus", "ogg", 48_000, "ogg"),
    ("libopus", "webm", 48_000, "webm"),
]
VIDEOS = [
    ("libx264", "mp4", "mp4"),
    ("libx264", "mov", "mov"),
    ("libvpx-vp9", "webm", "webm"),
    ("libx264", "matroska", "mkv"),
]
PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile {name}\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1"><BaseURL>{name}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "concat script behind an ID3 tag": "ID3\x04\0\0\0\0\0\0ffconcat version 1.0\nfile {name}\n",
}


def refusal(path, *, kind, limits=None) -> str:
    """The code with which a file is refused, by opening it or by decoding it to its end."""
    limits = limits or Limits()
    with pytest.raises(InputError) as caught:
        read_all(path, kind=kind, limits=limits)
    assert caught.value.sentence.endswith(".")
    return caught.value.code


def read_all(path, *, kind, limits=None) -> int:
    limits = limits or Limits()
    with open_container(path, kind=kind, limits=limits) as container:
        frames = audio_frames if kind == "audio" else video_frames
        return sum(1 for _ in frames(container, limits=limits))


def write_wav(path: Path, *, channels: int = 1, rate: int = RATE, seconds: float = 1.0) -> Path:
    with wave.open(str(path), "wb") as output:
        output.setnchannels(channels)
        output.setsampwidth(2)
        output.setframerate(rate)
        output.writeframes(bytes(int(seconds * rate) * channels * 2))
    return path


@pytest.mark.parametrize(("codec", "container", "rate", "format_"), SOUNDS)
def test_sound_is_recognised_and_decoded(tmp_path, codec, container, rate, format_):
    path = write_sound(tmp_path / "x.png", codec=codec, container=container, rate=rate)

    assert sniff(path) == format_
    with open_container(path, kind="audio") as opened:
        seconds = sum(frame.samples / frame.sample_rate for frame in audio_frames(opened))
    assert seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("codec", "container", "format_"), VIDEOS)
def test_video_is_recognised_and_decoded(tmp_path, codec, container, format_):
    path = write_video(tmp_path / "x.txt", codec=codec, container=container)

    assert sniff(path) == format_
    assert read_all(path, kind="video") == 25
    assert read_all(path, kind="audio") > 10


def test_file_objects_are_read_as_files_are(tmp_path):
    path = write_video(tmp_path / "x", container="mp4")

    assert read_all(io.BytesIO(path.read_bytes()), kind="video") == 25


@pytest.mark.parametrize(
    "name", ["pipe:0", "-i", "%03d.mp4", "concat:a|b", "fd:", "x\u202e4pm.exe", "a b'c\".mp4"]
)
def test_names_are_never_interpreted(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "plain", container="mp4").rename(name)

    assert read_all(Path(name), kind="video") == 25


def test_a_playlist_reaches_its_neighbour_without_the_guard(tmp_path):
    write_video(tmp_path / "secret.mp4", container="mp4")
    (tmp_path / "clip.mp4").write_text(PLAYLISTS["ffconcat"].format(name="secret.mp4"))

    with av.open(tmp_path / "clip.mp4") as unguarded:
        assert sum(1 for _ in unguarded.decode(video=0)) == 25


@pytest.mark.parametrize("playlist", PLAYLISTS)
@pytest.mark.parametrize("kind", ["audio", "video"])
@pytest.mark.parametrize("wrap", [Path, lambda path: io.BytesIO(path.read_bytes())], ids=["path", "bytes"])
def test_playlists_are_refused(tmp_path, monkeypatch, playlist, kind, wrap):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "secret.mp4", container="mp4")
    path = tmp_path / "clip.mp4"
    path.write_bytes(PLAYLISTS[playlist].format(name="secret.mp4").encode("latin-1"))

    assert refusal(wrap(path), kind=kind) in ("unsupported_format", "audio_unreadable")


@pytest.mark.parametrize(
    "content",
    [
        b"<svg/>",
        b"%PDF-1.7",
        b"%!PS-Adobe EPSF",
        b"\0\0\0\x18ftypheic",
        b"GIF89a",
        b"MThd",
        b"\0" * 4096,
        b"x",
    ],
)
@pytest.mark.parametrize("kind", ["audio", "video"])
def test_other_formats_are_refused(tmp_path, content, kind):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)

    assert refusal(path, kind=kind) == "unsupported_format"


def test_pictures_and_sounds_are_not_videos(tmp_path):
    assert refusal(write_wav(tmp_path / "x.mp4"), kind="video") == "unsupported_format"
    m4a = write_sound(tmp_path / "y.mp4", codec="aac", container="mp4")
    assert refusal(m4a, kind="video") == "video_unreadable"
    silent = write_video(tmp_path / "z.mp4", container="mp4", sound=False)
    assert refusal(silent, kind="audio") == "audio_unreadable"


def test_an_empty_file_is_unreadable(tmp_path):
    (tmp_path / "x").touch()

    assert refusal(tmp_path / "x", kind="audio") == "audio_unreadable"


def test_a_truncated_video_is_unreadable(tmp_path):
    path = write_video(tmp_path / "x", container="mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])

    assert refusal(path, kind="video") == "video_unreadable"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(bytes=1000), "too_large"),
        (Limits(side=63), "too_large"),
        (Limits(streams=1), "too_large"),
        (Limits(seconds=0.9), "too_long"),
    ],
)
def test_headers_beyond_a_limit_are_refused_before_decoding(tmp_path, limits, code):
    path = write_video(tmp_path / "x", container="mp4")

    with pytest.raises(InputError) as caught:
        open_container(path, kind="video", limits=limits)
    assert caught.value.code == code


def test_too_many_channels_and_samples_are_refused(tmp_path):
    assert refusal(write_wav(tmp_path / "a", channels=9), kind="audio") == "too_large"
    assert refusal(write_wav(tmp_path / "b", rate=400_000), kind="audio") == "too_large"
    assert read_all(write_wav(tmp_path / "c", channels=2, rate=96_000), kind="audio")


def test_rare_codecs_are_refused(tmp_path):
    path = write_sound(tmp_path / "x", codec="wavpack", container="matroska")

    assert refusal(path, kind="audio") == "unsupported_format"


def test_sound_longer_than_its_header_is_stopped_while_decoding(tmp_path):
    path = write_wav(tmp_path / "x", seconds=5)
    content = bytearray(path.read_bytes())
    content[40:44] = b"\xff\xff\xff\xff"  # as programs do that write into a pipe
    path.write_bytes(content)

    assert read_all(path, kind="audio", limits=Limits(seconds=6)) > 0
    assert refusal(path, kind="audio", limits=Limits(seconds=4)) == "too_long"


def test_frames_beyond_the_clock_are_stopped_while_decoding(tmp_path):
    path = write_video(tmp_path / "x", container="mp4", seconds=2)

    with open_container(path, kind="video") as container, pytest.raises(InputError) as caught:
        list(video_frames(container, limits=Limits(seconds=1)))
    assert caught.value.code == "too_long"


def test_a_picture_that_grows_in_mid_stream_is_stopped(tmp_path):
    """Raw streams of two sizes, joined as Matroska allows when the parameters travel in band."""
    path = tmp_path / "x.mkv"
    pieces = [
        write_video(tmp_path / f"{side}.h264", container="h264", side=side, sound=False) for side in (64, 256)
    ]
    packets = []
    for piece in pieces:
        with av.open(piece) as raw:
            packets += [bytes(packet) for packet in raw.demux() if packet.size]
    with av.open(path, "w", format="matroska") as output:
        stream = output.add_stream("libx264", rate=25, width=64, height=64, pix_fmt="yuv420p")
        for index, data in enumerate(packets):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 25)
            output.mux(packet)

    assert sides(path, Limits()) == {64, 256}
    assert sides(path, Limits(side=128)) == {64}  # the decoder itself refuses the larger ones


def sides(path: Path, limits: Limits) -> set[int]:
    with open_container(path, kind="video", limits=limits) as container:
        return {frame.width for frame in video_frames(container, limits=limits)}


@pytest.mark.parametrize(("codec", "container", "rate", "format_"), SOUNDS)
def test_flipped_bits_in_sound_give_frames_or_a_refusal(tmp_path, codec, container, rate, format_):
    original = write_sound(tmp_path / "x", codec=codec, container=container, rate=rate).read_bytes()
    survive_flips(tmp_path / "y", original, kind="audio", rounds=15)


@pytest.mark.parametrize(("codec", "container", "format_"), VIDEOS)
def test_flipped_bits_in_video_give_frames_or_a_refusal(tmp_path, codec, container, format_):
    original = write_video(tmp_path / "x", codec=codec, container=container).read_bytes()
    survive_flips(tmp_path / "y", original, kind="video", rounds=15)


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "container", "rate", "format_"), SOUNDS)
def test_a_thousand_damaged_sounds_give_frames_or_a_refusal(tmp_path, codec, container, rate, format_):
    original = write_sound(tmp_path / "x", codec=codec, container=container, rate=rate).read_bytes()
    survive_flips(tmp_path / "y", original, kind="audio", rounds=1000)


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "container", "format_"), VIDEOS)
def test_a_thousand_damaged_videos_give_frames_or_a_refusal(tmp_path, codec, container, format_):
    original = write_video(tmp_path / "x", codec=codec, container=container).read_bytes()
    survive_flips(tmp_path / "y", original, kind="video", rounds=1000)


def survive_flips(path: Path, original: bytes, *, kind: str, rounds: int) -> None:
    """Read `rounds` copies with 1 % of their bits flipped: nothing but InputError may come of it."""
    codes = set()
    for seed in range(rounds):
        bits = np.unpackbits(np.frombuffer(original, np.uint8))
        chosen = random.Random(seed).sample(range(len(bits)), len(bits) // 100)
        # The first bytes stay, or most rounds would end at the check of the format.
        bits[[index for index in chosen if index > 512]] ^= 1
        path.write_bytes(np.packbits(bits).tobytes())
        try:
            read_all(path, kind=kind, limits=Limits(seconds=30))
        except InputError as refused:
            codes.add(refused.code)
    assert codes <= {f"{kind}_unreadable", "too_long", "too_large", "unsupported_format"}


def test_tones_survive_decoding(tmp_path):
    """The frames that come out hold the sound that went in."""
    path = write_sound(tmp_path / "x", codec="flac", container="flac")

    with open_container(path, kind="audio") as container:
        decoded = np.concatenate([frame.to_ndarray()[0] for frame in audio_frames(container)])
    assert np.abs(decoded / 32768 - tone(1.0)).max() < 1e-3
