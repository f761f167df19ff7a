"""A video as the output shows it: its clock, its length, and what becomes of files that are not as they should be."""

import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

from jobs.engine.clip import Clip
from jobs.engine.confine import ROOT
from jobs.engine.errors import InputError
from jobs.engine.limits import Limits
from tests.engine.files import number_in, numbered, write_clip, write_sound

NTSC = Fraction(1000, 1001)


def clip_of(path, seconds, *, resolution=48, **options) -> Clip:
    return Clip(path, resolution=resolution, seconds=seconds, **options)


def numbers(clip: Clip) -> list[int]:
    """The numbers seen in a clip's frames."""
    return [number_in(frame.planes.y) for frame in clip]


def write_numbers(path, count, **options):
    return write_clip(path, (numbered(number) for number in range(count)), **options)


def to_and_fro(count: int, frames: int) -> list[int]:
    there_and_back = [*range(count), *range(count - 2, 0, -1)]
    return [there_and_back[index % len(there_and_back)] for index in range(frames)]


@pytest.mark.parametrize(
    ("container", "rate", "count"),
    [("mp4", rate, 20) for rate in (24 * NTSC, 24, 25, 30 * NTSC, 30, 40, 48, 50, 60 * NTSC, 60)]
    # Matroska counts in milliseconds: it takes some seconds to tell 29.97 from 30.
    + [("matroska", rate, 90) for rate in (24, 30 * NTSC, 50, 60 * NTSC)],
)
def test_a_constant_rate_is_kept_and_every_frame_shown_once(tmp_path, container, rate, count):
    path = write_numbers(tmp_path / "x", count, rate=rate, container=container)

    clip = clip_of(path, count / rate)

    assert (clip.fps, clip.frames) == (rate, count)
    assert clip.source_seconds == pytest.approx(count / rate, abs=0.002)
    seen = [(frame.source, number_in(frame.planes.y)) for frame in clip]
    assert seen == [(index, index) for index in range(count)]


@pytest.mark.parametrize(
    ("rate", "shown", "step"),
    [(120, 60, 2), (120 * NTSC, 60 * NTSC, 2), (240, 60, 4), (100, 50, 2), (180, 60, 3)],
)
@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_slow_motion_loses_frames_evenly(tmp_path, rate, shown, step, container):
    path = write_numbers(tmp_path / "x", 60, rate=rate, container=container)

    clip = clip_of(path, 50 / rate)

    assert clip.fps == shown
    assert {after - before for before, after in pairwise(numbers(clip))} == {step}
    assert [frame.source for frame in clip] == list(range(clip.frames))


@pytest.mark.parametrize(
    ("rate", "shown"), [(15, 30), (Fraction(25, 2), 25), (10, 30), (5, 25), (1, 24), (Fraction(1, 2), 25)]
)
def test_slow_rates_hold_each_picture_equally_long(tmp_path, rate, shown):
    path = write_numbers(tmp_path / "x", 6, rate=rate)

    clip = clip_of(path, 5 / rate)

    times = int(shown / rate)
    assert clip.fps == shown
    assert numbers(clip) == [number for number in range(5) for _ in range(times)]
    assert [frame.source for frame in clip] == [number * times for number in range(5) for _ in range(times)]


@pytest.mark.parametrize("seed", range(4))
def test_an_unsteady_rate_is_the_common_one_next_to_it(tmp_path, seed):
    gaps = 1 / 29.99 + np.random.default_rng(seed).normal(0, 0.0015, 60)
    path = write_numbers(tmp_path / "x", 61, times=np.concatenate([[0], np.cumsum(gaps)]))

    clip = clip_of(path, 2)

    assert clip.fps in (30 * NTSC, 30)
    assert set(np.diff(numbers(clip))) <= {0, 1, 2}
    assert numbers(clip)[-1] in (58, 59, 60)


def test_a_variable_rate_never_drifts(tmp_path):
    """Gaps of a phone in bad light, and a pause: each tick shows the picture of its moment."""
    gaps = np.random.default_rng(1).choice([0.017, 0.033, 0.05, 0.1], 200)
    gaps[100] = 1.5
    times = np.concatenate([[0], np.cumsum(gaps)])
    path = write_numbers(tmp_path / "x", 201, times=times, container="matroska")

    clip = clip_of(path, times[-1])

    assert clip.fps in (24, 25, 30)
    for tick, number in enumerate(numbers(clip)):
        late = tick / clip.fps - times[number]
        assert -0.5 / clip.fps - 0.002 <= late <= gaps[min(number, 199)] + 0.002


def test_what_is_equal_by_number_is_equal_in_every_pixel(tmp_path):
    """With B-frames, one keyframe and a turn at either end."""
    options = {"g": "250", "bf": "3", "sc_threshold": "0"}
    path = write_numbers(tmp_path / "x", 40, options=options)
    clip = clip_of(path, 5)
    seen: dict[int, np.ndarray] = {}
    order = []
    for frame in clip:
        order.append(frame.source)
        assert np.array_equal(seen.setdefault(frame.source, frame.planes.packed()), frame.planes.packed())

    assert order == numbers(clip) == to_and_fro(40, 125)


@pytest.mark.parametrize("frames", [1, 39, 40])
def test_a_longer_video_is_cut(tmp_path, frames):
    path = write_numbers(tmp_path / "x", 40)

    assert numbers(clip_of(path, frames / 25)) == list(range(frames))


@pytest.mark.parametrize("frames", [41, 60, 79, 80])
def test_a_little_is_played_back_where_a_little_is_missing(tmp_path, frames):
    path = write_numbers(tmp_path / "x", 40)

    assert numbers(clip_of(path, frames / 25)) == to_and_fro(40, frames)


def test_held_pictures_are_held_backwards_too(tmp_path):
    path = write_numbers(tmp_path / "x", 4, rate=5)

    sources = [frame.source for frame in clip_of(path, 1.4)]

    assert sources == [0] * 5 + [5] * 5 + [10] * 5 + [15] * 5 + [15] * 4 + [10] * 5 + [5] * 5 + [0]


def test_a_single_frame_is_a_still(tmp_path):
    clip = clip_of(write_numbers(tmp_path / "x", 1), 1)

    assert [frame.source for frame in clip] == [0] * 25
    assert len({frame.planes.packed().tobytes() for frame in clip}) == 1


def test_frames_may_be_drawn_into(tmp_path):
    path = write_numbers(tmp_path / "x", 3)
    before = numbers(clip_of(path, 1))

    def spoiled():
        for frame in clip_of(path, 1):
            yield number_in(frame.planes.y)
            frame.planes.y[:] = frame.planes.u[:] = frame.planes.v[:] = 0

    assert list(spoiled()) == before


def test_no_file_is_left_whenever_it_is_given_up(tmp_path):
    path, folder = write_numbers(tmp_path / "x", 5), tmp_path / "scratch"
    folder.mkdir()
    before = len(os.listdir("/proc/self/fd"))
    frames = iter(clip_of(path, 60, scratch=folder))
    for _ in range(50):
        next(frames)

    assert len(os.listdir("/proc/self/fd")) > before
    assert list(folder.iterdir()) == []
    frames.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_clock_begins_with_the_first_frame(tmp_path):
    path = write_numbers(tmp_path / "x", 30, times=[3 + index / 25 for index in range(30)])

    clip = clip_of(path, 1)

    assert clip.source_seconds == pytest.approx(1.2, abs=0.01)
    assert numbers(clip) == list(range(25))


def remuxed(path, packets_of, *, container, change):
    """The packets of a file as `change` gives them: None leaves one out."""
    with av.open(packets_of) as source, av.open(path, "w", format=container) as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size and (changed := change(packet)) is not None:
                changed.stream = stream
                output.mux(changed)
    return path


def test_what_an_edit_list_leaves_out_is_not_shown(tmp_path):
    """Cut by a phone, without coding anew: the frames before the cut are still there."""
    one = write_numbers(tmp_path / "one", 50, options={"g": "50", "bf": "2"})
    with (
        av.open(one) as source,
        av.open(tmp_path / "x", "w", format="mp4", options={"avoid_negative_ts": "disabled"}) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.pts -= int(Fraction(2, 5) / packet.time_base)
                packet.dts -= int(Fraction(2, 5) / packet.time_base)
                packet.stream = stream
                output.mux(packet)

    clip = clip_of(tmp_path / "x", 1.8)

    assert clip.source_seconds == pytest.approx(1.6, abs=0.001)
    assert numbers(clip) == [*range(10, 50), 48, 47, 46, 45, 44]


def test_a_clock_that_is_set_back_goes_on(tmp_path):
    """As two recordings joined without care: the clusters of Matroska that are later than 4 s begin at 0."""
    options = {"bf": "0", "g": "25", "sc_threshold": "0"}
    path = write_numbers(tmp_path / "x", 200, options=options, container="matroska")
    data, at = bytearray(path.read_bytes()), 0
    while (at := data.find(b"\x1f\x43\xb6\x75", at + 1)) > 0:
        place = data.index(b"\xe7\x82", at, at + 16) + 2 if b"\xe7\x82" in data[at : at + 16] else 0
        stamp = int.from_bytes(data[place : place + 2]) if place else 0
        if stamp >= 4000:
            data[place : place + 2] = (stamp - 4000).to_bytes(2)
    path.write_bytes(data)

    clip = clip_of(path, 7)

    assert clip.source_seconds == pytest.approx(8, abs=0.1)
    assert numbers(clip) == list(range(175))


def test_a_video_without_its_beginning_starts_with_what_can_be_seen(tmp_path):
    one = write_numbers(tmp_path / "one", 60, options={"g": "20", "bf": "2", "sc_threshold": "0"})
    count = iter(range(1000))
    path = remuxed(
        tmp_path / "x", one, container="matroska", change=lambda packet: packet if next(count) > 4 else None
    )

    seen = numbers(clip_of(path, 1))

    assert seen[-1] > 20
    assert set(np.diff(seen)) <= {0, 1}


@pytest.mark.parametrize("share", [0.6, 0.95])
@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_a_file_that_breaks_off_gives_what_there_is(tmp_path, share, container):
    options = {"bf": "0", "qp": "0"}
    path = write_numbers(tmp_path / "x", 100, options=options, container=container, movflags="faststart")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    seen = numbers(clip_of(path, 4))

    assert len(seen) == 100
    last = max(seen)
    assert 5 < last < 99
    assert seen == to_and_fro(last + 1, 100)


def test_a_hole_is_bridged(tmp_path):
    one = write_numbers(tmp_path / "one", 60, options={"g": "10", "bf": "0", "sc_threshold": "0"})
    count = iter(range(1000))
    path = remuxed(
        tmp_path / "x",
        one,
        container="matroska",
        change=lambda packet: packet if not 20 <= next(count) < 30 else None,
    )

    assert numbers(clip_of(path, 2)) == [*range(20), *[19] * 10, *range(30, 50)]


def test_a_sound_with_a_cover_is_no_video(tmp_path):
    cover = tmp_path / "cover.mp4"
    sound = write_sound(tmp_path / "sound", codec="aac", container="ipod")
    with av.open(sound) as source, av.open(cover, "w", format="mp4") as output:
        audio = output.add_stream_from_template(source.streams.audio[0])
        picture = output.add_stream("mjpeg", rate=1, options={"strict": "unofficial"})
        picture.width = picture.height = 64
        picture.pix_fmt = "yuvj420p"
        picture.disposition = av.stream.Disposition.attached_pic
        output.mux(picture.encode(av.VideoFrame(64, 64, "yuvj420p")))
        output.mux(picture.encode())
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = audio
                output.mux(packet)

    for path in (cover, sound):
        with pytest.raises(InputError) as caught:
            clip_of(path, 1)
        assert caught.value.code == "video_unreadable"


def test_a_rate_in_the_header_is_not_believed(tmp_path):
    """What browsers record says 1000 frames a second, the unit of its clock."""
    path = remuxed(
        tmp_path / "x",
        write_numbers(tmp_path / "one", 50, options={"bf": "0"}),
        container="matroska",
        change=lambda packet: packet,
    )
    with av.open(path) as container:
        assert container.streams.video[0].average_rate > 240

    assert (clip_of(path, 2).fps, numbers(clip_of(path, 2))) == (25, list(range(50)))


def test_limits_hold(tmp_path):
    path = write_numbers(tmp_path / "x", 50)

    beyond = [
        (Limits(seconds=1.9), "too_long"),
        (Limits(side=63), "too_large"),
        (Limits(fps=24), "too_large"),
    ]
    for limits, code in beyond:
        with pytest.raises(InputError) as caught:
            clip_of(path, 1, limits=limits)
        assert caught.value.code == code


@pytest.mark.parametrize(("codec", "container"), [("libx264", "mp4"), ("libvpx-vp9", "webm")])
@pytest.mark.parametrize("rounds", [12, pytest.param(500, marks=pytest.mark.slow)])
def test_flipped_bits_give_all_frames_or_a_refusal(tmp_path, codec, container, rounds):
    original = write_numbers(tmp_path / "x", 30, codec=codec, container=container).read_bytes()
    codes, shown = set(), 0
    for seed in range(rounds):
        bits = np.unpackbits(np.frombuffer(original, np.uint8))
        random = np.random.default_rng(seed)
        share = random.choice([0.0001, 0.001, 0.01])
        bits[4096:] ^= random.random(bits.size - 4096) < share
        (tmp_path / "y").write_bytes(np.packbits(bits).tobytes())
        try:
            assert len(numbers(clip_of(tmp_path / "y", 2, limits=Limits(seconds=30)))) in range(48, 121)
            shown += 1
        except InputError as refused:
            codes.add(refused.code)
    assert shown > 0
    assert codes <= {"video_unreadable", "too_long", "too_large", "unsupported_format"}


def test_the_same_file_gives_the_same_frames(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (20, 96, 80), np.uint8)
    path = write_clip(tmp_path / "x", noise, tags={"colorspace": 6, "color_range": 1})

    once, again = ([frame.planes.packed().tobytes() for frame in clip_of(path, 2)] for _ in range(2))

    assert once == again


MEASURE = """
import resource, sys
from pathlib import Path
from jobs.engine.clip import Clip
clip = Clip(Path(sys.argv[1]), resolution=480, seconds=float(sys.argv[2]))
print(sum(1 for _ in clip), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path):
    """One keyframe in 23 seconds, played to and fro: a second of such frames is 18 MB."""
    random = np.random.default_rng(1)
    ground = cv2.GaussianBlur(random.integers(0, 256, (720, 854), np.uint8), (0, 0), 3)
    pictures = (np.roll(ground, 2 * index, axis=1) for index in range(700))
    path = write_clip(tmp_path / "x", pictures, rate=30, options={"g": "9999", "preset": "ultrafast"})
    measured = {}
    for seconds in (5, 60):
        command = [sys.executable, "-c", MEASURE, str(path), str(seconds)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        frames, measured[seconds] = map(int, done.stdout.split())
        assert frames == seconds * 30

    assert measured[60] - measured[5] < 60_000  # kB
