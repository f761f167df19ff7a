"""What shows between the lips of a speaker in a video, from frame to frame."""

import cv2
import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array
from jobs.engine.interior import Interior, layered, light_on, made_up, usual_tooth
from jobs.engine.landmarks import Face
from jobs.engine.mouth import outlined
from jobs.engine.picture import Planes
from jobs.engine.speaker import Pose, Speaker
from jobs.engine.steady import Steady
from jobs.engine.texture import remap, to_rgb
from jobs.engine.warp import Box

PACE, STEP = 4, 6.0  # frames and levels of colour between two steps towards the teeth's own colour
SHOWN = 0.035  # eye distances between the source's lips: teeth may show
TEETH_LUMA, TEETH_RED = 0.6, 0.75  # at least so bright, at most so red beside the skin
_UPPER, _LOWER = lm.LIP_UPPER_INNER[3:-3], lm.LIP_LOWER_INNER[3:-3]
_SEAM = [78, 308, 13, 14]


class Inside:
    """What shows between the lips, in the face's axes: the teeth have the colour that the source shows of its own,
    which they take on while the mouth is drawn shut, or else too slowly to be seen."""

    def __init__(self, speaker: Speaker, steady: Steady, planes: Planes) -> None:
        self._frame = frame = speaker.frame
        width, height = (int(np.ceil(size)) // 2 * 2 + 2 for size in (2.9 * frame.half, 0.55 * frame.unit))
        x, y = frame.centre[0] - width / 2, frame.centre[1] - 0.2 * frame.unit
        self._box = Box(int(np.floor(x)) // 2 * 2, int(np.floor(y)) // 2 * 2, width, height)
        self._light = light_on(Face.of(steady.points), to_rgb(planes))
        face = Face.of(speaker.shut(speaker.points))
        self._lips = outlined(face, frame)
        self._seam = face.points[_SEAM, :2].mean(axis=0)
        self._depth = float(speaker.points[_SEAM, 2].mean())
        self._teeth = _Teeth()
        self._tooth = usual_tooth(self._light)
        self._made = PACE
        self._make()

    def _make(self) -> None:
        self._maps: Interior = made_up(self._frame, self._lips, self._light, self._box, tooth=self._tooth)

    def learn(self, planes: Planes, steady: Steady, *, hidden: bool) -> None:
        """Look at the teeth that a frame shows. hidden : the mouth is drawn shut in it."""
        self._made += 1
        if self._made < PACE:
            return
        self._made = 0
        self._teeth.look(planes, steady.points)
        if self._teeth.colour is None:
            return
        away = self._teeth.colour - self._tooth
        if np.abs(away).max() > STEP:
            self._tooth = self._tooth + (away if hidden else np.clip(away, -STEP, STEP))
            self._make()

    def shown(self, pose: Pose, rest: Array, jaw: float, box: Box) -> tuple[Array, Array]:
        """Luma and chroma over a box of the frame. jaw : pixels, in the face's axes, that the lower teeth went."""
        shift = rest[_SEAM, :2].mean(axis=0) - self._seam
        maps = self._maps
        plane = pose.plane(self._depth)
        skull, lower = self._onto(plane, shift, box), self._onto(plane, shift + jaw * self._frame.drop, box)
        luma = _under(maps.jaw_luma, lower, maps.skull_luma, skull, (box.width, box.height))
        half = (box.width // 2, box.height // 2)
        chroma = _under(maps.jaw_chroma, _halved(lower), maps.skull_chroma, _halved(skull), half)
        return luma, chroma

    def _onto(self, plane: Array, shift: Array, box: Box) -> Array:
        """(2, 3): from pixels of the maps to those of the box."""
        matrix = plane.copy()
        corner = np.array([self._box.x, self._box.y]) + shift
        matrix[:, 2] += plane[:, :2] @ corner - (box.x, box.y)
        return matrix


class _Teeth:
    """The colour of the front teeth, as the source's own open mouth shows them."""

    def __init__(self) -> None:
        self.colour: Array | None = None  # (3,) RGB
        self._best: Array | None = None  # (3,) Y, U, V

    def look(self, planes: Planes, points: Array) -> None:
        """points : (478, 3) pixels of the source's face."""
        upper, lower = points[list(_UPPER), :2], points[list(_LOWER), :2]
        unit = float(np.hypot(*(points[263] - points[33])[:2]))
        if np.hypot(*(lower - upper).T).mean() < SHOWN * unit:
            return
        share = np.linspace(0.15, 0.7, 8)[:, None, None]
        at = (upper + share * (lower - upper)).reshape(-1, 1, 2).astype(np.float32)
        luma = remap(planes.y, at)[:, 0].astype(np.float32)
        bright = luma >= np.percentile(luma, 80)
        chroma = [remap(p, at / 2 - 0.25)[bright, 0].mean() for p in (planes.u, planes.v)]
        seen = np.array([np.percentile(luma, 90), *chroma])
        cheeks = points[[50, 280, 101, 330], :2]
        luma_of_skin, red_of_skin = _at(planes.y, cheeks), _at(planes.v, cheeks / 2) - 128
        if seen[0] < TEETH_LUMA * luma_of_skin or seen[2] - 128 > TEETH_RED * red_of_skin:
            return
        self._keep(seen)

    def _keep(self, seen: Array) -> None:
        """Follow the brightest quickly and the rest slowly: shadow of the lips is more common than a highlight."""
        before = self._best
        rate = 0.5 if before is None or seen[0] > before[0] else 0.03
        self._best = seen if before is None else before + rate * (seen - before)
        pixel = [np.full((2, 2), round(v), np.uint8) for v in self._best]
        self.colour = (
            to_rgb(Planes(pixel[0], pixel[1][:1, :1], pixel[2][:1, :1]))[0, 0].astype(np.float32) / 0.93
        )


def _at(plane: Array, places: Array) -> float:
    x, y = np.clip(np.rint(places).astype(int), 0, np.array(plane.shape[::-1]) - 1).T
    return float(np.median(plane[y, x]))


def _under(jaw_map: Array, jaw: Array, skull_map: Array, skull: Array, size: tuple[int, int]) -> Array:
    under = cv2.warpAffine(jaw_map, jaw, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    over = cv2.warpAffine(skull_map, skull, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return layered(under, over)


def _halved(matrix: Array) -> Array:
    """The same way between planes of half the size, whose pixels' middles lie between those of the whole."""
    half = matrix.copy()
    half[:, 2] = (matrix[:, :2].sum(axis=1) / 2 + matrix[:, 2] - 0.5) / 2
    return half
