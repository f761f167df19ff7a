"""Landmarks of a clip made steady: a little is looked at ahead, so that smoothing delays nothing.

For every frame in which the speaker can be drawn: where its landmarks are, without the detector's noise; how the
head lies; the shape of the mouth at rest; and how far the mouth may be drawn, eased in and out around frames
that stay as they are. Nothing is smoothed across a cut or over the end of a track.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array
from jobs.engine.follow import Seen
from jobs.engine.picture import Planes
from jobs.engine.speaker import RIGID, Pose, Speaker

AHEAD = 0.6  # seconds looked ahead
BEHIND = 1.5  # seconds remembered
EASE = 0.2  # seconds in which the mouth comes and goes
# Seconds, of the halves of a Gaussian that tells a face at rest from one that speaks: what is remembered costs
# less than what has to be waited for.
REST_AHEAD, REST_BEHIND = 0.3, 0.7
PLACE = 0.12  # seconds, of another that tells where the mouth lies
SPAN, SPREAD = 0.3, 0.14  # seconds either way, and of a Gaussian, over which noise is smoothed
HEAD_ALIKE, LIPS_ALIKE = 0.010, 0.010  # eye distances between frames that are much alike
_LIPS = sorted({*lm.LIPS, *lm.CHIN, *lm.JAW})


@dataclass(frozen=True)
class Steady:
    """The speaker in one frame. points : (478, 3) pixels; rest : (478, 3) in the face's axes, lips shut; weight : 0
    leave the frame as it is, to 1 draw it all."""

    speaker: Speaker
    points: Array
    pose: Pose
    rest: Array
    weight: float


@dataclass(frozen=True)
class _InAxes:
    """One frame's landmarks by themselves. own, shut : (478, 3) in the face's axes, as seen and with lips shut."""

    pose: Pose
    own: Array
    shut: Array


@dataclass
class _Entry:
    """points : (478, 3) float64 pixels, empty without a face."""

    planes: Planes
    seen: Seen
    usable: bool
    points: Array
    axes: _InAxes | None = None


class Steadier:
    """usable : whether a frame's face can be drawn."""

    def __init__(self, fps: float, usable: Callable[[Seen], bool]) -> None:
        self._fps, self._usable = fps, usable
        self._ahead, self._behind = (max(2, round(span * fps)) for span in (AHEAD, BEHIND))
        self._ease = max(2, round(EASE * fps))
        self._entries: deque[_Entry] = deque()
        self._at = 0
        self._speaker: tuple[int, Speaker] | None = None

    def frames(self, seen: Iterable[tuple[Planes, Seen]]) -> Iterator[tuple[Planes, Steady | None]]:
        """The same frames in the same order, about half a second later. None : to be left alone."""
        for planes, what in seen:
            points = np.empty(0) if what.face is None else what.face.points.astype(np.float64)
            self._entries.append(_Entry(planes, what, self._usable(what), points))
            if not what.skipped:
                self._fill()
            if len(self._entries) > self._at + self._ahead:
                yield self._next()
        self._fill(ended=True)
        while self._at < len(self._entries):
            yield self._next()

    def _fill(self, *, ended: bool = False) -> None:
        """Put what was skipped between the frames around it; or where the one before left it, when a shot ends."""
        end = len(self._entries) - (0 if ended else 1)
        begin = end
        while begin and self._entries[begin - 1].seen.skipped:
            begin -= 1
        if begin in (0, end):
            return
        first, last = self._entries[begin - 1], self._entries[-1]
        if ended or last.seen.shot != first.seen.shot:
            last = first
        if not (first.usable and last.usable and first.seen.track == last.seen.track):
            return
        for k in range(begin, end):
            share = (k - begin + 1) / (end - begin + 1)
            entry = self._entries[k]
            entry.points, entry.usable = first.points + share * (last.points - first.points), True

    def _next(self) -> tuple[Planes, Steady | None]:
        entry = self._entries[self._at]
        steady = self._steady(entry) if entry.usable else None
        planes = entry.planes
        entry.planes = None  # type: ignore[assignment]
        if self._at == self._behind:
            self._entries.popleft()
        else:
            self._at += 1
        return planes, steady

    def _steady(self, entry: _Entry) -> Steady:
        run = self._run(entry)
        speaker = self._speaker_of(entry, run)
        near = {k: e for k, e in run.items() if abs(k) <= SPAN * self._fps}
        places = np.array(list(near)) / (SPREAD * self._fps)
        unit = speaker.frame.unit
        head = np.array([e.points[list(RIGID)] for e in near.values()])
        pose = speaker.pose(_alike(head, places, list(near).index(0), HEAD_ALIKE * unit))
        own = np.array([self._in_axes(e, speaker).own[_LIPS] for e in near.values()])
        lips = _alike(own, places, list(near).index(0), LIPS_ALIKE * unit)
        points = pose.out(self._in_axes(entry, speaker).own)
        points[_LIPS] = pose.out(lips)
        return Steady(speaker, points, pose, self._rest(run, speaker), self._weight(entry))

    def _rest(self, run: dict[int, _Entry], speaker: Speaker) -> Array:
        """The shape over a second and more; where it lies, over a few frames: as a head turns, the mesh's depth is not
        true enough to keep the mouth in its place."""
        places = np.array(list(run))
        shut = np.array([self._in_axes(e, speaker).shut for e in run.values()])
        near = np.abs(places) <= 3 * PLACE * self._fps
        slow = _mean(shut, places / np.where(places > 0, REST_AHEAD, REST_BEHIND) / self._fps)
        quick = _mean(shut[near], places[near] / (PLACE * self._fps))
        return speaker.placed(slow, quick)

    def _run(self, entry: _Entry) -> dict[int, _Entry]:
        """Frames around this one that show the same track, by their distance in frames."""
        run = {0: entry}
        for step in (-1, 1):
            k = self._at + step
            while 0 <= k < len(self._entries) and k - self._at <= self._ahead:
                other = self._entries[k]
                if not other.usable or other.seen.track != entry.seen.track:
                    break
                run[k - self._at] = other
                k += step
        return dict(sorted(run.items()))

    def _speaker_of(self, entry: _Entry, run: dict[int, _Entry]) -> Speaker:
        track = entry.seen.track
        if self._speaker is None or self._speaker[0] != track:
            self._speaker = track, Speaker([e.points for e in run.values()])
        return self._speaker[1]

    @staticmethod
    def _in_axes(entry: _Entry, speaker: Speaker) -> "_InAxes":
        if entry.axes is None:
            pose = speaker.pose(entry.points)
            own = pose.into(entry.points)
            entry.axes = _InAxes(pose, own, speaker.shut(own))
        return entry.axes

    def _weight(self, entry: _Entry) -> float:
        """Falls towards frames of the same shot that stay as they are."""
        nearest = self._ease + 1
        for k in range(max(0, self._at - self._ease), min(len(self._entries), self._at + self._ease + 1)):
            other = self._entries[k]
            if other.seen.shot == entry.seen.shot and not (
                other.usable and other.seen.track == entry.seen.track
            ):
                nearest = min(nearest, abs(k - self._at))
        return nearest / (self._ease + 1)


def _mean(values: Array, away: Array) -> Array:
    """Weighted by a Gaussian; away : from its middle, in its standard deviation."""
    weights = np.exp(-0.5 * away**2)
    return np.tensordot(weights / weights.sum(), values, axes=1)


def _alike(values: Array, places: Array, middle: int, near: float) -> Array:
    """The mean of the frames around the middle one that are like it: a bilateral filter over time.

    What stays is averaged over many frames, what moves is left as it is, and what jumps is not led astray.
    values : (frames, points, 3); places : (frames,) in standard deviations; near : pixels, another. (C. Tomasi and
    R. Manduchi, "Bilateral filtering for gray and color images", 1998)
    """
    away = np.abs(values[..., :2] - values[middle, :, :2]).mean(axis=(1, 2)) / near
    return _mean(values, np.hypot(places, away))
