"""Following the speaker's face through the frames of a clip, and noticing where a shot ends.

The speaker of a shot is its largest face, or the largest under the mask. It is searched for where a shot begins and
now and then while it is lost; between, the mesh follows it from frame to frame in a crop, so that only the
crop is converted to RGB.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.landmarks import CROP, Face, LandmarkSource
from jobs.engine.picture import Planes
from jobs.engine.work import is_under

CROP_SIDE = 256  # pixels: the mesh works on 192 of them
SEARCH_SECONDS = 0.16  # between two searches for a face that is lost
CUT = 0.09  # of full brightness: mean change of a thumbnail between two frames that may be a cut
CUT_TIMES = 3.5  # it has to be this many times the usual change, which a moving camera makes too
LEAP = 0.4  # face widths a face may move between two frames


@dataclass(frozen=True)
class Seen:
    """What one frame shows. face : the speaker's, in pixels of the frame, or None; track : a number that changes
    wherever a face is found anew, so that nothing may be smoothed across; shot : one that changes at cuts;
    look : (n, 3) float32, see `appearance`."""

    face: Face | None
    track: int
    shot: int
    look: Array | None = None


class Follower:
    """Asked for every frame of a clip in order."""

    def __init__(self, landmarks: LandmarkSource, fps: float, mask: Array | None = None) -> None:
        self._landmarks, self._following = landmarks, landmarks.following()
        self._mask = mask
        self._wait = max(1, round(SEARCH_SECONDS * fps))
        self._cuts = _Cuts()
        self._crop: _Crop | None = None
        self._last: Face | None = None
        self._since = self._wait
        self._track = self._shot = 0
        self.most = 0  # faces seen at once

    def next(self, planes: Planes) -> Seen:
        if self._cuts.at(planes):
            self._shot += 1
            self._crop = self._last = None
            self._since = self._wait
        if self._crop is None:
            self._search(planes)
        if self._crop is None:
            return Seen(None, self._track, self._shot)
        return self._follow(planes, self._crop)

    def _search(self, planes: Planes) -> None:
        self._since += 1
        if self._since < self._wait:
            return
        self._since = 0
        faces = self._landmarks.find(cv2.cvtColor(planes.packed(), cv2.COLOR_YUV2RGB_I420))
        self.most = max(self.most, len(faces))
        if self._mask is not None:
            faces = [face for face in faces if is_under(face, self._mask)]
        if self._last is not None:  # the speaker comes back near where it was lost
            last = self._last
            faces = [face for face in faces if _near(face, last)]
        if faces:
            self._crop = _Crop.around(faces[0])
            self._following.restart()
            self._track += 1
            self._last = None

    def _follow(self, planes: Planes, crop: "_Crop") -> Seen:
        rgb = crop.rgb(planes)
        points = self._following.at(rgb)
        if points is None:
            self._crop = None
            return Seen(None, self._track, self._shot)
        look = appearance(rgb, points)
        face = Face.of(crop.outward(points))
        if self._last is not None and _leaps(face, self._last):
            self._crop = None
            self._since = self._wait
            return Seen(None, self._track, self._shot)
        self._last = face
        around = _Crop.around(face)
        if around.strays(crop):
            self._crop = around
        return Seen(face, self._track, self._shot, look)


@dataclass(frozen=True)
class _Crop:
    """A square of a frame. x, y : of its centre; side : pixels of the frame that it shows."""

    x: float
    y: float
    side: float

    @classmethod
    def around(cls, face: Face) -> "_Crop":
        x, y, width, height = face.box
        return cls(x + width / 2, y + height / 2, 0.8 * CROP * max(width, height))

    def strays(self, other: "_Crop") -> bool:
        moved = max(abs(self.x - other.x), abs(self.y - other.y))
        return moved > 0.09 * other.side or not 0.8 < self.side / other.side < 1.25

    def rgb(self, planes: Planes) -> Array:
        """(CROP_SIDE, CROP_SIDE, 3) uint8. The mesh does not mind that BT.709 is read as BT.601 here."""
        scale = CROP_SIDE / self.side
        half = CROP_SIDE // 2
        parts = []
        for plane, size in ((planes.y, CROP_SIDE), (planes.u, half), (planes.v, half)):
            share = size / CROP_SIDE
            matrix = np.array(
                [
                    [scale, 0, size / 2 - self.x * share * scale],
                    [0, scale, size / 2 - self.y * share * scale],
                ],
                np.float32,
            )
            shrinks = cv2.INTER_LINEAR
            parts.append(cv2.warpAffine(plane, matrix, (size, size), flags=shrinks).ravel())
        packed = np.concatenate(parts).reshape(CROP_SIDE * 3 // 2, CROP_SIDE)
        return cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420)

    def outward(self, points: Array) -> Array:
        """Points of the crop, in pixels of the frame."""
        scale = np.float32(self.side / CROP_SIDE)
        corner = np.array([self.x - self.side / 2, self.y - self.side / 2, 0], np.float32)
        return points * scale + corner


def _near(face: Face, last: Face) -> bool:
    away = np.hypot(*(face.points[4, :2] - last.points[4, :2]))
    size = max(face.box[2], last.box[2])
    return bool(away < 2.5 * size and 0.5 < face.box[3] / last.box[3] < 2.0)


def _leaps(face: Face, last: Face) -> bool:
    """Whether the mesh has jumped to something else."""
    away = np.hypot(*(face.points[168, :2] - last.points[168, :2]))
    return bool(away > LEAP * last.box[2] or not 0.7 < face.box[3] / last.box[3] < 1.4)


class _Cuts:
    """Where a picture has little to do with the one before."""

    def __init__(self) -> None:
        self._before: Array | None = None
        self._usual = 0.0

    def at(self, planes: Planes) -> bool:
        small = cv2.resize(planes.y, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        before, self._before = self._before, small
        if before is None:
            return False
        change = float(np.abs(small - before).mean())
        cut = change > CUT and change > CUT_TIMES * self._usual
        if not cut:
            self._usual += 0.2 * (change - self._usual)
        return cut


# Places around the mouth where skin (or a beard) shows whatever is said, and on the upper face beside which
# they are judged.
_AROUND = (
    *(164, 167, 393, 165, 391, 92, 322, 216, 436, 57, 287, 43, 273, 106, 335, 182, 406, 18, 200, 199),
    *(212, 432, 202, 422, 204, 424, 208, 428, 175, 171, 396),
)
_ABOVE = (50, 280, 101, 330, 36, 266, 197, 6, 151, 9)


def appearance(rgb: Array, points: Array) -> Array:
    """Colours around the mouth against those of the upper face.

    rgb : (side, side, 3) uint8; points : (478, 3) in its pixels. Returns (n, 3) float32: each place's colour
    over the median colour of the upper face, so that light that changes on the whole face changes nothing.
    """
    soft = cv2.blur(rgb, (5, 5))
    at = np.clip(np.rint(points[:, :2]).astype(int), 0, rgb.shape[0] - 1)
    colour = soft[at[:, 1], at[:, 0]].astype(np.float32)
    return colour[list(_AROUND)] / np.maximum(np.median(colour[list(_ABOVE)], axis=0), 8)
