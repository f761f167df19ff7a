"""From a frame as it is stored to planes as they are seen: turned, in square pixels, at the output's size."""

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from jobs.engine.arrays import Array
from jobs.engine.colours import Colours, colours_of, on_white
from jobs.engine.picture import LONGEST, Planes
from jobs.engine.sources import unreadable

MATRIX_BYTES = 36  # nine numbers of 32 bits


@dataclass(frozen=True)
class Turn:
    """How a stored frame is brought upright: rows and columns change places first, then it is mirrored."""

    swap: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def apply(self, pixels: Array) -> Array:
        """pixels : (height, width). Returns them as they are seen."""
        if self.swap:
            pixels = cv2.transpose(pixels)
        if self.mirror_x or self.mirror_y:
            pixels = cv2.flip(pixels, -1 if self.mirror_x and self.mirror_y else int(self.mirror_x))
        return pixels


def turn_of(frame: Any) -> Turn:
    """The nearest of the eight turns to a frame's display matrix (ISO/IEC 14496-12, 6.2.2)."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None or data.buffer_size < MATRIX_BYTES:
        return Turn()
    a, b, _, c, d = struct.unpack_from("=5i", bytes(data))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Turn(True, c < 0, b < 0)
    return Turn(False, a < 0, d < 0)


def shown_size(frame: Any, aspect: Fraction | None, turn: Turn) -> tuple[int, int]:
    """Width and height in square pixels as a person sees a frame.

    aspect : width of a stored pixel over its height. The side that has too few pixels grows.
    """
    wide = float(aspect) if aspect and aspect > 0 else 1.0
    width, height = round(frame.width * max(1.0, wide)), round(frame.height * max(1.0, 1 / wide))
    return (height, width) if turn.swap else (width, height)


def pixel_aspect(stream: Any) -> Fraction | None:
    """Width of a pixel over its height, by the container or else by the codec."""
    return stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or None


class Upright:
    """Converts the frames of one video to the output's size. width, height : of the output, even."""

    def __init__(self, width: int, height: int, aspect: Fraction | None) -> None:
        self._width, self._height, self._aspect = width, height, aspect
        self._reformatter = VideoReformatter()
        self._turns: dict[int, Turn] = {}

    def _turn(self, frame: Any) -> Turn:
        """As `turn_of`, asked once for each angle: a frame whose side data was looked at is in a cycle with it, and
        some hundred megabytes of frames would wait for the garbage collector.
        """
        angle = frame.rotation
        if angle not in self._turns:
            self._turns[angle] = turn_of(frame)
        return self._turns[angle]

    def _shown(self, frame: Any) -> tuple[int, int]:
        return shown_size(frame, self._aspect, self._turn(frame))

    def fits(self, frame: Any) -> bool:
        """Whether the frame can be shown undistorted: one that is very long and thin cannot."""
        return max(self._scaled(*self._shown(frame))) <= 2 * LONGEST

    def planes(self, frame: Any) -> Planes:
        """The frame as the output shows it, in memory of its own. Raises InputError video_unreadable.

        A frame of other proportions than the output's, as after a change in mid-stream, is cut at its longer sides.
        """
        turn, colours = self._turn(frame), colours_of(frame)
        size = self._scaled(*self._shown(frame))
        try:
            stored = self._reformatted(frame, colours, *(reversed(size) if turn.swap else size))
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise unreadable("video") from error
        left, top = (
            (have - want) // 4 * 2 for have, want in zip(size, (self._width, self._height), strict=True)
        )
        y, u, v, *alpha = (turn.apply(plane) for plane in stored)
        planes = colours.to_709(
            Planes(self._cut(y, left, top), self._cut(u, left, top, 2), self._cut(v, left, top, 2))
        )
        return on_white(planes, self._cut(alpha[0], left, top)) if alpha else planes

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        """The even size that covers the output's."""
        scale = max(self._width / width, self._height / height)
        size = []
        for have, want in ((width, self._width), (height, self._height)):
            side = have * scale
            # The output's own size is rounded, and that much less of a pixel is no distortion.
            size.append(want if side < want + 2 else 2 * math.ceil(side / 2))
        return size[0], size[1]

    def _reformatted(self, frame: Any, colours: Colours, width: int, height: int) -> list[Array]:
        """Planes y, u, v and where there is one alpha, at a size before turning; colours stay as they are.

        Only RGB is converted here; between two kinds of Y'CbCr the library would pass through RGB of 8 bits.
        """
        shrinks = height * 2 <= frame.height
        how = Interpolation.AREA if shrinks else Interpolation.BICUBIC
        ranges = ColorRange.JPEG if colours.full or colours.rgb else ColorRange.MPEG
        if colours.rgb:
            frame.colorspace = 0
        converted = self._reformatter.reformat(
            frame,
            width,
            height,
            _FORMATS[colours.wide, colours.alpha],
            src_colorspace=None if colours.rgb else Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ranges,
            dst_color_range=ColorRange.MPEG if colours.rgb else ranges,
            interpolation=how | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
            threads=1,
        )
        return [pixels_of(plane, np.uint16 if colours.wide else np.uint8) for plane in converted.planes]

    def _cut(self, plane: Array, left: int, top: int, step: int = 1) -> Array:
        """The output's part of a plane that has one value for `step` pixels."""
        rows = slice(top // step, (top + self._height) // step)
        return np.ascontiguousarray(plane[rows, left // step : (left + self._width) // step])


_FORMATS = {
    (False, False): "yuv420p",
    (False, True): "yuva420p",
    (True, False): "yuv420p10le",
    (True, True): "yuva420p10le",
}


def pixels_of(plane: Any, kind: type = np.uint8) -> Array:
    """(height, width) of a decoded plane, a copy: the decoder may still need its own memory."""
    rows: Array = np.frombuffer(plane, kind).reshape(plane.height, -1)
    return rows[:, : plane.width].copy()
