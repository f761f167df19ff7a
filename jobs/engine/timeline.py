"""How long a video lasts and at what constant rate to show it, from the clock of its packets alone."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.errors import InputError
from jobs.engine.limits import DEFAULT, Limits
from jobs.engine.sources import moving, too_long, unreadable

SLOWEST, FASTEST = 23.9, 60.1  # frames a second: below it a mouth stutters, beyond it nobody sees more
NTSC = Fraction(1000, 1001)
COMMON = (
    24 * NTSC,
    Fraction(24),
    Fraction(25),
    30 * NTSC,
    Fraction(30),
    Fraction(48),
    Fraction(50),
    60 * NTSC,
    Fraction(60),
)
UNEVEN = (24, 25, 30, 50, 60)  # frames a second, for videos without a rate of their own
STILL = 25  # frames a second, where there is hardly one picture
REWIND = 2.0  # seconds: a clock that falls back by more was set anew; by less, frames are out of order
REGULAR = 0.9  # share of equal gaps from which on a rate counts as constant
UNSTEADY = 0.03  # of a rate: the most that it is rounded by
SNAP = 0.0004  # of a rate: 30 and 30000/1001 are 0.001 apart
JITTER = 2  # frames that a second may hold beyond its rate, by where it begins and how exact a clock is


class Clock:
    """Seconds as they pass in a file whose own clock may lack readings or be set back in the middle."""

    def __init__(self, period: float = 0.04) -> None:
        self._period, self._shift, self._newest = period, 0.0, -math.inf

    def read(self, time: float | None) -> float:
        """The next reading, in the order of the file; None for one that is missing."""
        if time is None:
            seconds = self._newest + self._period if self._newest > -math.inf else 0.0
        else:
            seconds = time + self._shift
            if seconds < self._newest - REWIND:
                self._shift += self._newest + self._period - seconds
                seconds = self._newest + self._period
        self._newest = max(self._newest, seconds)
        return seconds


@dataclass(frozen=True)
class Timeline:
    """seconds : from the first frame's start to the last one's end. average : frames a second, the mean.

    rate : of frames a second, the constant one that shows this video best. densest : frames in that second which
    holds most of them, without jitter.
    """

    seconds: float
    average: float
    rate: Fraction
    densest: float

    def check_pixels(self, width: int, height: int, *, limits: Limits = DEFAULT) -> None:
        """Raise InputError too_large where frames of this size, in pixels as they are coded, are too much to decode."""
        most = limits.pixel_rate / (width * height)
        if self.densest > most:
            raise InputError(
                "too_large",
                f"The video has {self.densest:.0f} frames a second of {width} x {height} pixels; at most "
                f"{most:.0f} of that size can be taken. Export it smaller, or at {min(30, int(most))} frames a second.",
            )


def read_timeline(container: Any, *, limits: Limits = DEFAULT) -> Timeline:
    """Read all packets of the first moving stream, which leaves the container at its end.

    Frames that an edit list leaves out do not count. What comes behind damage is not there.

    Raises InputError: too_long, too_large where frames come too fast, were it for a second, or video_unreadable
    when there is nothing.
    """
    starts, last = _starts(container, limits)
    if not starts.size:
        raise unreadable("video")
    gaps = np.diff(starts)
    gaps = gaps[gaps > 1e-6]
    stated = moving(container)[0].average_rate
    usual = float(np.median(gaps)) if gaps.size else 1 / STILL
    # A last frame without a length, as in Matroska, is as long as the others.
    seconds = float(starts[-1] - starts[0]) + (last if last > 0 else usual)
    if seconds > limits.seconds:
        raise too_long("video", limits)
    # Not by the header: what browsers record says 1000 frames a second there, the unit of its clock.
    average = (starts.size - 1) / float(starts[-1] - starts[0]) if gaps.size else 1 / seconds
    if average > limits.fps * 1.01 and starts.size > 2:
        raise _too_fast(average, limits)
    # Not by the mean alone: frames crowded into one instant are decoded before anything else is shown.
    densest = _densest(starts)
    if densest > limits.fps:
        raise _too_fast(densest, limits)
    return Timeline(seconds, average, constant_rate(gaps, usual, float(stated or 0)), densest)


def _densest(starts: Array) -> float:
    """Of sorted seconds: how many lie in the second which holds most, less those that jitter may add."""
    after = np.searchsorted(starts, starts + 1.0)
    return max(0.0, (int((after - np.arange(starts.size)).max()) - JITTER) / 1.01)


def _too_fast(rate: float, limits: Limits) -> InputError:
    return InputError(
        "too_large",
        f"The video has {rate:.0f} frames a second; at most {limits.fps:g} can be taken. Export it at 30.",
    )


def _starts(container: Any, limits: Limits) -> tuple[Array, float]:
    """When each frame is first shown, in seconds, sorted; and how long the last one is, 0 for unknown."""
    clock, starts, last, length = Clock(), [], -math.inf, 0.0
    try:
        for packet in container.demux(moving(container)[0]):
            if not packet.size or packet.is_discard:
                continue
            time = packet.pts if packet.pts is not None else packet.dts
            start = clock.read(None if time is None else float(time * packet.time_base))
            starts.append(start)
            if start >= last:
                last, length = start, float((packet.duration or 0) * packet.time_base)
            if last - starts[0] > limits.seconds + REWIND or len(starts) > limits.seconds * limits.fps:
                raise too_long("video", limits)
    except av.FFmpegError as error:
        if not starts:
            raise unreadable("video") from error
    return np.sort(np.asarray(starts, np.float64)), length


def constant_rate(gaps: Array, usual: float, stated: float = 0.0) -> Fraction:
    """The constant rate at which frames with these gaps are best shown.

    gaps : (n,) float64, seconds between one frame and the next. usual : their median. stated : the header's rate,
    which decides where the gaps leave a doubt.

    Evenly spaced frames keep their own rate: exactly, when it is one in common use; a whole part of it beyond
    60 a second, as in slow motion; a multiple of it below 24, so that every picture is held equally long.
    Others get the common rate that is nearest to their mean or to their usual gap, whichever is faster, and
    those with hardly a picture in a second that of stills.
    """
    if not gaps.size or usual > 1.001:
        return Fraction(STILL)
    regular = gaps[np.abs(gaps - usual) <= 0.1 * usual + 0.0011]  # many files count in milliseconds
    if gaps.size and regular.size < REGULAR * gaps.size:
        mean = gaps.size / float(gaps.sum())
        return min(map(Fraction, UNEVEN), key=lambda rate: abs(float(rate) - max(mean, 1 / usual)))
    rate = regular.size / float(regular.sum())
    # Readings in milliseconds, few of them, tell the rate no better than this.
    slack = max(SNAP, 0.0011 / float(regular.sum()))
    if abs(stated / rate - 1) <= slack:
        rate = stated
    if rate < SLOWEST:
        rate *= math.ceil(SLOWEST / rate)
    elif rate > FASTEST:
        rate /= math.ceil(rate / FASTEST)
    # A phone's gaps vary by some percent, and nobody sees 29.97 for 29.99.
    slack = max(slack, min(UNSTEADY, float(np.abs(regular - usual).mean()) / usual))
    nearest = min(COMMON, key=lambda common: abs(float(common) - rate))
    if abs(float(nearest) / rate - 1) <= slack:
        return nearest
    return Fraction(rate).limit_denominator(1001)
