"""Landmarks of a clip made steady: a little is looked at ahead, so that smoothing delays nothing.

For every frame in which the speaker can be drawn: where its landmarks are, without the detector's noise; how the
head lies; the shape of the mouth at rest; and how far the mouth may be drawn, eased in and out around frames
that stay as they are. Nothing is smoothed across a cut or over the end of a track.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

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
LIPS_SPAN, HEAD_SPAN = 0.08, 0.12  # seconds either way over which noise is smoothed


@dataclass(frozen=True)
class Steady:
    """The speaker in one frame. points : (478, 3) pixels; rest : (478, 3) in the face's axes, lips shut; weight : 0
    leave the frame as it is, to 1 draw it all."""

    speaker: Speaker
    points: Array
    pose: Pose
    rest: Array
    weight: float


@dataclass
class _Entry:
    """points : (478, 3) float64 pixels, empty without a face; shut : as `Steady.rest`, not smoothed."""

    planes: Planes
    seen: Seen
    usable: bool
    points: Array
    shut: Array | None = None


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
        lips, head = (round(span * self._fps) for span in (LIPS_SPAN, HEAD_SPAN))
        points = _smooth(run, max(2, lips))
        rigid = _smooth(run, max(3, head), RIGID)
        weights = self._rest_weights(np.array(list(run)))
        shut = np.array([self._shut(e, speaker) for e in run.values()])
        rest = np.tensordot(weights / weights.sum(), shut, axes=1)
        return Steady(speaker, points, speaker.pose(rigid), rest, self._weight(entry))

    def _rest_weights(self, places: Array) -> Array:
        spread = np.where(places > 0, REST_AHEAD, REST_BEHIND) * self._fps
        return np.exp(-0.5 * (places / spread) ** 2)

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
    def _shut(entry: _Entry, speaker: Speaker) -> Array:
        if entry.shut is None:
            entry.shut = speaker.shut(speaker.pose(entry.points).into(entry.points))
        return entry.shut

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


def _smooth(run: dict[int, _Entry], span: int, places: Sequence[int] | slice = np.s_[:]) -> Array:
    """The value at 0 of the parabola through the points within `span` frames (A. Savitzky and M. Golay, 1964)."""
    near = tuple(k for k in run if abs(k) <= span)
    points = np.array([run[k].points for k in near])[:, places]
    return np.tensordot(_parabola(near), points, axes=1)


@cache
def _parabola(places: tuple[int, ...]) -> Array:
    """Weights that give the fit's value at 0; a line or the mean where there are too few places."""
    degree = min(2, max(0, len(places) - 2))
    return np.linalg.pinv(np.vander(np.array(places, float), degree + 1, increasing=True))[0]
