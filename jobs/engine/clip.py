"""A video as the output shows it: upright, at the output's size, at a constant rate, as long as asked."""

import math
from bisect import bisect_right
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from av.video.frame import VideoFrame

from jobs.engine.limits import DEFAULT, Limits
from jobs.engine.picture import Planes, output_size
from jobs.engine.scratch import Scratch
from jobs.engine.sources import moving, open_container, unreadable, video_frames
from jobs.engine.timeline import Clock, read_timeline
from jobs.engine.upright import Upright, pixel_aspect, shown_size, turn_of
from jobs.engine.visemes import frame_count

MARGIN = 8  # frames that are put aside beyond need, in case the last of the video cannot be decoded


@dataclass(frozen=True)
class ClipFrame:
    """One frame of the output, before anything is drawn into it.

    planes : the frame's own, to be changed at will. source : which picture of the video this is, as its place
    on the output's clock (the source shows it from `source / fps` on). Equal numbers are equal pictures, bit for
    bit. They go up by one where there is a picture for every frame of the output, stay where one is
    held, skip where some are left out, and go down where the video is played backwards.
    """

    planes: Planes
    source: int


@dataclass(frozen=True)
class _Picture:
    """A picture and the frames of the output's clock that show it, from `start` to before `end`."""

    planes: Planes
    start: int
    end: int


class Clip:
    """Frames of a video as the output shows them.

    Upright, in square pixels, 8 bit 4:2:0 in BT.709 of limited range, at the output's even size and one constant
    rate; exactly `frames` of them, which cover `seconds` of output. A longer video is cut. A shorter one turns round
    at its end and plays to and fro, showing the picture at the turn once. Frames are read as they are asked
    for; the memory taken does not grow with the length. Iterating anew begins anew, and gives the same.

    path : the video. resolution : pixels of the output's shorter side. scratch : the folder for temporary files
    (which have no names there), the system's own by default.

    Raises InputError (unsupported_format, video_unreadable, too_large, too_long), here and while iterating.
    Damage behind the first picture is no error: what can be decoded is shown.
    """

    def __init__(
        self,
        path: Path,
        *,
        resolution: int,
        seconds: float,
        limits: Limits = DEFAULT,
        scratch: Path | None = None,
    ) -> None:
        self._path, self._limits, self._scratch = path, limits, scratch
        with open_container(path, kind="video", limits=limits) as container:
            timeline = read_timeline(container, limits=limits)
        with open_container(path, kind="video", limits=limits) as container:
            first = next(video_frames(container, limits=limits))
            timeline.check_pixels(first.width, first.height, limits=limits)
            self._aspect = pixel_aspect(moving(container)[0])
            self.width, self.height = output_size(
                *shown_size(first, self._aspect, turn_of(first)), resolution
            )
        self._timeline = timeline
        self.fps = timeline.rate
        self.source_seconds = timeline.seconds
        self.frames: int = frame_count(seconds, float(self.fps))
        self._length = max(1, round(timeline.seconds * float(self.fps)))  # frames, as the packets promise

    def __iter__(self) -> Iterator[ClipFrame]:
        with closing(self._endless()) as frames:
            yield from islice(frames, self.frames)

    def _endless(self) -> Generator[ClipFrame]:
        """The video, then to and fro as much of it as makes `frames` frames in all."""
        keep = self._turns_at(self._length) - MARGIN
        with closing(_Swing(self._scratch)) as swing:
            end = 0
            for picture in self._pictures():
                if picture.end > keep:
                    swing.add(picture)
                for _ in range(picture.start + 1, picture.end):
                    yield ClipFrame(picture.planes.copy(), picture.start)
                yield ClipFrame(picture.planes, picture.start)
                end = picture.end
            if end < self.frames and self._turns_at(end) < max(0, keep):
                # Much less could be decoded than the packets promised: it turns round sooner than was thought.
                swing.clear()
                for picture in self._pictures():
                    if picture.end > self._turns_at(end):
                        swing.add(picture)
            yield from swing.frames()

    def _turns_at(self, end: int) -> int:
        """The first frame, of a video of `end`, that is shown again after the end."""
        return max(0, 2 * end - self.frames - 1)

    def _pictures(self) -> Iterator[_Picture]:
        """Those pictures of the video that the output's clock shows, each with its span of frames."""
        upright = Upright(self.width, self.height, self._aspect)
        start, last, end = 0, None, 0
        with open_container(self._path, kind="video", limits=self._limits) as container:
            for frame, first, after in self._spans(video_frames(container, limits=self._limits), upright):
                if last is not None and first > start:
                    yield _Picture(upright.planes(last), start, first)
                    start = first
                if start >= self.frames:
                    return
                last, end = frame, after
            if last is None:
                raise unreadable("video")
            yield _Picture(upright.planes(last), start, max(start + 1, min(end, self._length)))

    def _spans(self, frames: Iterator[VideoFrame], upright: Upright) -> Iterator[tuple[VideoFrame, int, int]]:
        """Frames that can be shown, in order, with the number of the first tick each is for, and that after it.

        A tick shows the latest frame up to a little after it. Half of the source's gap leaves the most room for
        readings that are not exact, and takes every second one, say, where the rate is halved.
        """
        fps, period = float(self.fps), 1 / self._timeline.average
        early = min(0.5, fps * period / 2)
        clock, origin, newest = Clock(period), None, -math.inf
        for frame in frames:
            self._timeline.check_pixels(frame.width, frame.height, limits=self._limits)
            seconds = clock.read(frame.time)
            if seconds <= newest or not upright.fits(frame):
                continue
            newest = seconds
            origin = seconds if origin is None else origin
            length = float(frame.duration * (frame.time_base or 0)) or period
            start = max(0, math.ceil((seconds - origin) * fps - early))
            yield frame, start, round((seconds - origin + length) * fps)


class _Swing:
    """The end of a video, played backwards from its last picture but one, forwards again, and so on."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._scratch = folder, Scratch(folder)
        self._starts: list[int] = []
        self._end = 0

    def clear(self) -> None:
        self._scratch.close()
        self._scratch, self._starts = Scratch(self._folder), []

    def add(self, picture: _Picture) -> None:
        self._scratch.add(picture.planes)
        self._starts.append(picture.start)
        self._end = picture.end

    def frames(self) -> Iterator[ClipFrame]:
        """Without an end, once there is a picture."""
        low, high = self._starts[self._scratch.first], self._end - 1
        at, step = high, -1
        while True:
            if low < high:
                step = -1 if at == high else 1 if at == low else step
                at += step
            index = bisect_right(self._starts, at) - 1
            yield ClipFrame(self._scratch.get(index), self._starts[index])

    def close(self) -> None:
        self._scratch.close()
