"""Following the speaker's face through the frames of a clip, and noticing where a shot ends.

The speaker of a shot is its largest face, or the largest whose mouth lies under the white of the mask. It is
searched for where a shot begins and now and then while it is lost; between, the mesh follows it from frame to frame
in a crop, so that only the crop is converted to RGB. Another face takes over when it has been much larger for some
seconds, or when the speaker has been away for some: a passer-by before the camera does not.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.cover import Cover, appearance
from jobs.engine.landmarks import Crop, Face, LandmarkSource
from jobs.engine.picture import Planes
from jobs.engine.work import is_under

CROP_SIDE = 192  # pixels, which the mesh works on: more costs time and moves the lips by 0.003 eye distances
SEARCH_SECONDS = 0.16  # between two searches for a face that is lost
GLANCE_SECONDS = 2.0  # between two looks at the whole picture while a face is followed
LARGER = 1.6  # times the speaker's area: a face that takes over when it is seen so twice
AWAY_SECONDS = 2.0  # after which a lost speaker may come back anywhere, or be another
CUT = 0.09  # of full brightness: mean change of a thumbnail between two frames that may be a cut
CUT_TIMES = 3.5  # it has to be this many times the usual change, which a moving camera makes too
REMEMBERED = 1500  # pictures, 6 kB each
MESHES = 30  # a second: lips move too much between fewer; faster clips are interpolated
LEAP = 0.4  # face widths a face may move between two frames


@dataclass(frozen=True)
class Seen:
    """What one frame shows. face : the speaker's, in pixels of the frame, or None; track : a number that changes
    wherever a face is found anew, so that nothing may be smoothed across; shot : one that changes at cuts;
    covered : whether something is before the mouth; skipped : the face is between where the frames around show it."""

    face: Face | None
    track: int
    shot: int
    covered: bool = False
    skipped: bool = False


class Follower:
    """Asked for every frame of a clip in order."""

    def __init__(self, landmarks: LandmarkSource, fps: float, mask: Array | None = None) -> None:
        self._landmarks, self._following = landmarks, landmarks.following()
        self._mask = mask
        self._wait, self._glance, self._away = (
            max(1, round(span * fps)) for span in (SEARCH_SECONDS, GLANCE_SECONDS, AWAY_SECONDS)
        )
        self._every = max(1, round(fps / MESHES))
        self._passed = 0  # frames since the mesh was asked
        self._cuts, self._cover = _Cuts(), Cover(fps / self._every)
        self._crop: Crop | None = None
        self._last: Face | None = None
        self._rival: Face | None = None
        self._since = self._wait  # frames since the whole picture was looked at
        self._lost = 0  # frames without the face
        self._known: dict[int | None, Seen] = {}
        self._resumes = False  # whether the mesh has to start anew
        self._track = self._shot = 0
        self.most = 0  # faces seen at once, under the mask or not

    @property
    def found(self) -> bool:
        """Whether there was a face to follow."""
        return self._track > 0

    def next(self, planes: Planes, picture: int | None = None) -> Seen:
        """picture : a number of what the frame shows. Where it comes again, as in a clip that is played to and fro,
        what was found in it is known already."""
        seen = self._next(planes, self._known.get(picture))
        if picture is not None and seen.face and len(self._known) < REMEMBERED:
            self._known[picture] = seen
        return seen

    def _next(self, planes: Planes, known: Seen | None) -> Seen:
        if self._cuts.at(planes):
            self._shot += 1
            self._crop = self._last = None
            self._cover.restart()
            self._since = self._wait
        self._since += 1
        if known is not None and known.face is not None:
            return self._again(known.face, covered=known.covered)
        if self._crop is None and self._since >= self._wait:
            self._search(planes)
        elif self._since >= self._glance:
            self._look_around(planes)
        if self._crop is not None and self._last is not None and self._passed < self._every - 1:
            self._passed += 1
            return Seen(None, self._track, self._shot, skipped=True)
        self._passed = 0
        if self._resumes and self._crop is not None:
            self._following.restart()
            self._resumes = False
        seen = None if self._crop is None else self._follow(planes, self._crop)
        self._lost = 0 if seen else self._lost + 1
        return seen or Seen(None, self._track, self._shot)

    def _again(self, face: Face, *, covered: bool) -> Seen:
        if self._crop is None or self._last is None or _leaps(face, self._last):
            self._track += 1
        self._crop, self._last, self._resumes = Crop.around(face), face, True
        self._lost = self._passed = 0
        return Seen(face, self._track, self._shot, covered)

    def _faces(self, planes: Planes) -> list[Face]:
        self._since = 0
        faces = self._landmarks.find(cv2.cvtColor(planes.packed(), cv2.COLOR_YUV2RGB_I420))
        self.most = max(self.most, len(faces))
        return faces if self._mask is None else [face for face in faces if is_under(face, self._mask)]

    def _search(self, planes: Planes) -> None:
        faces = self._faces(planes)
        if (
            self._last is not None and self._lost < self._away
        ):  # the speaker comes back near where it was lost
            faces = [face for face in faces if _near(face, self._last)]
        if faces and self._lost >= self._away:
            self._cover.restart()  # it may be somebody else, whose face is no cover of the last one's
        if faces:
            self._begin(faces[0])

    def _begin(self, face: Face) -> None:
        self._crop = Crop.around(face)
        self._following.restart()
        self._track += 1
        self._last = self._rival = None

    def _look_around(self, planes: Planes) -> None:
        largest = next(iter(self._faces(planes)), None)
        before, self._rival = self._rival, None
        if largest is None or self._last is None or _area(largest) < LARGER * _area(self._last):
            return
        if before is not None and _near(largest, before):
            self._begin(largest)
            self._cover.restart()
        else:
            self._rival = largest

    def _follow(self, planes: Planes, crop: Crop) -> Seen | None:
        seen = self._mesh(planes, crop)
        if seen and Crop.around(seen[0]).strays(crop):
            # The mesh looks where the face was in the last crop: in another one that would be beside it.
            crop = Crop.around(seen[0])
            self._following.restart()
            seen = self._mesh(planes, crop)
        if seen is None or (self._last is not None and _leaps(seen[0], self._last)):
            self._crop = None
            self._since = self._wait
            return None
        self._crop, self._last = crop, seen[0]
        return Seen(seen[0], self._track, self._shot, self._cover.at(seen[1]))

    def _mesh(self, planes: Planes, crop: Crop) -> tuple[Face, Array] | None:
        """The face in a crop, and its `appearance`."""
        rgb = _rgb(planes, crop)
        points = self._following.at(rgb)
        return None if points is None else (Face.of(crop.outward(points, CROP_SIDE)), appearance(rgb, points))


def _rgb(planes: Planes, crop: Crop) -> Array:
    """(CROP_SIDE, CROP_SIDE, 3) uint8. The mesh does not mind that BT.709 is read as BT.601 here."""
    half = CROP_SIDE // 2
    parts = [
        crop.of(planes.y, CROP_SIDE),
        *(crop.of(plane, half, share=0.5) for plane in (planes.u, planes.v)),
    ]
    packed = np.concatenate([part.ravel() for part in parts]).reshape(CROP_SIDE * 3 // 2, CROP_SIDE)
    return cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420)


def _area(face: Face) -> float:
    return face.box[2] * face.box[3]


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
