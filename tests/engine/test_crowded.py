"""Videos that cost far more to decode than they last: frames crowded together, hidden, or too large for their rate."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from jobs.engine.clip import Clip
from jobs.engine.errors import InputError
from jobs.engine.limits import Limits
from jobs.engine.probe import probe
from jobs.engine.sources import open_container, video_frames
from tests.engine.files import numbered, write_clip

SIZE = 64 * 48  # pixels of the frames in these tests


def packets(path: Path, **options) -> list[bytes]:
    write_clip(path, [numbered(number) for number in range(40)], container="matroska", **options)
    with av.open(path) as source:
        return [bytes(packet) for packet in source.demux(video=0) if packet.size]


def write_packets(path: Path, template: Path, stored: list[tuple[bytes, int]]) -> Path:
    """A Matroska file of these packets, each with its time in milliseconds."""
    with av.open(template) as source, av.open(path, "w", format="matroska") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for data, time in stored:
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, time, time
            packet.time_base = Fraction(1, 1000)
            output.mux(packet)
    return path


def crowded(tmp_path: Path, count: int) -> Path:
    """As many frames at one instant, and one 100 seconds later: few a second by the mean."""
    coded = packets(tmp_path / "one", options={"bf": "0"})
    stored = [(coded[index % 40], 0) for index in range(count)]
    return write_packets(tmp_path / "x", tmp_path / "one", [*stored, (coded[0], 100_000)])


def refusals(path: Path, limits: Limits) -> list[InputError]:
    """What the probe and the render, each by itself, say of a video."""
    found = []
    for look in (
        lambda: probe(path, kind="video", limits=limits),
        lambda: list(Clip(path, resolution=48, seconds=1, limits=limits)),
    ):
        with pytest.raises(InputError) as caught:
            look()
        found.append(caught.value)
    return found


def test_frames_crowded_into_an_instant_are_refused(tmp_path):
    for refusal in refusals(crowded(tmp_path, 400), Limits()):
        assert refusal.code == "too_large"
        assert "frames a second" in refusal.sentence


def test_a_short_burst_is_taken(tmp_path):
    """A phone that stalled writes what it missed all at once."""
    assert probe(crowded(tmp_path, 60), kind="video").width == 64


def test_large_frames_at_a_high_rate_are_refused_and_at_a_common_one_taken(tmp_path):
    pictures = [numbered(number) for number in range(60)]
    fast = write_clip(tmp_path / "fast", pictures, rate=60)
    slow = write_clip(tmp_path / "slow", pictures, rate=30)
    limits = Limits(pixel_rate=SIZE * 40)

    for refusal in refusals(fast, limits):
        assert refusal.code == "too_large"
        assert "at most 40 of that size" in refusal.sentence
        assert "64 x 48" in refusal.sentence
    assert probe(slow, kind="video", limits=limits).fps == pytest.approx(30)


@pytest.mark.parametrize(("width", "height", "rate"), [(3840, 2160, 60), (1920, 1080, 240), (4096, 4096, 30)])
def test_what_cameras_record_is_within_the_limit(tmp_path, width, height, rate):
    assert width * height * rate <= Limits().pixel_rate


def hidden(tmp_path: Path, count: int, *, shown_first: bool) -> Path:
    """VP8 frames that are marked as not to be shown, as many, then one that is."""
    coded = packets(
        tmp_path / "one", codec="libvpx", options={"lag-in-frames": "0", "auto-alt-ref": "0", "g": "999"}
    )
    unseen = [bytes([data[0] & ~0x10]) + data[1:] for data in coded]
    first = coded[0] if shown_first else unseen[0]
    middle = [(unseen[1 + index % 39], (index + 1) * 50) for index in range(count)]
    return write_packets(
        tmp_path / "x", tmp_path / "one", [(first, 0), *middle, (coded[0], (count + 1) * 50)]
    )


@pytest.mark.parametrize("shown_first", [False, True], ids=["from the start", "in the middle"])
def test_decoding_without_a_picture_comes_to_an_end(tmp_path, shown_first):
    path = hidden(tmp_path, 220, shown_first=shown_first)
    few = Limits(pixel_rate=SIZE * 20)

    with pytest.raises(InputError) as caught:
        list(Clip(path, resolution=48, seconds=12, limits=few))
    assert caught.value.code == "video_unreadable"
    assert list(Clip(path, resolution=48, seconds=1))


def test_the_probe_gives_up_on_hidden_frames(tmp_path):
    path = hidden(tmp_path, 220, shown_first=False)

    with pytest.raises(InputError) as caught:
        probe(path, kind="video", limits=Limits(pixel_rate=SIZE * 20))
    assert caught.value.code == "video_unreadable"


def test_frames_that_nobody_asks_for_do_not_count(tmp_path):
    """Of a long group of pictures only the first is decoded, where a glimpse is enough."""
    path = hidden(tmp_path, 220, shown_first=True)
    few = Limits(pixel_rate=SIZE * 20)

    with open_container(path, kind="video", limits=few) as container:
        container.streams.video[0].codec_context.skip_frame = "NONKEY"
        assert list(video_frames(container, limits=few))
