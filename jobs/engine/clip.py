"""A video as the output shows it: upright, at the output's size, at a constant rate, as long as asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from jobs.engine.arrays import Array
from jobs.engine.limits import DEFAULT, Limits
from jobs.engine.picture import Planes, output_size
from jobs.engine.sources import moving, open_container, video_frames
from jobs.engine.visemes import frame_count


@dataclass(frozen=True)
class ClipFrame:
    """One frame of the output, before anything is drawn into it.

    planes : the frame's own, to be changed at will. source : which picture of the video this is, as its place
    on the output's clock (it is shown from `source / fps` on in the source): equal numbers are equal pictures;
    they go up by one where the source has a picture for every frame of the output, stay where a picture
    is held, skip where pictures are left out, and go down where the video is played backwards.
    """

    planes: Planes
    source: int


class Clip:
    """Frames of a video as the output shows them.

    Upright, with square pixels, 8 bit 4:2:0 in BT.709 of limited range, at the output's even size and one constant
    rate; exactly `frames` of them, which are `seconds` of output: a longer video is cut, a shorter one plays
    to and fro. Frames are read as they are asked for, and the memory taken does not grow with the length.
    Iterating again starts again.

    path : the video. resolution : pixels of the output's shorter side. scratch : the folder for a temporary file
    without a name, the system's own by default.

    Raises InputError (unsupported_format, video_unreadable, too_large, too_long).
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
            stream = moving(container)[0]
            first = next(video_frames(container, limits=limits))
            self.width, self.height = output_size(first.width, first.height, resolution)
            self.fps = Fraction(stream.average_rate or 25)
            self.source_seconds = float((stream.duration or 1) * stream.time_base)
        self.frames: int = frame_count(seconds, float(self.fps))

    def __iter__(self) -> Iterator[ClipFrame]:
        seen: list[Planes] = []
        with open_container(self._path, kind="video", limits=self._limits) as container:
            converter = VideoReformatter()
            for frame in video_frames(container, limits=self._limits):
                if len(seen) == self.frames:
                    return
                seen.append(self._planes(converter, frame))
                yield ClipFrame(seen[-1].copy(), len(seen) - 1)
        for index in range(len(seen), self.frames):
            there = index % max(1, 2 * (len(seen) - 1))
            source = min(there, 2 * (len(seen) - 1) - there)
            yield ClipFrame(seen[source].copy(), source)

    def _planes(self, converter: VideoReformatter, frame: Any) -> Planes:
        converted = converter.reformat(
            frame,
            self.width,
            self.height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.AREA,
            threads=1,
        )
        return Planes(*(_pixels(plane) for plane in converted.planes))


def _pixels(plane: Any) -> Array:
    """(height, width) uint8, a copy: the decoder may still need its own."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
    return np.ascontiguousarray(rows).copy()
