"""The points that carry a mouth's motion: what each of them does for each kind, and the fields spread from them."""

from dataclasses import dataclass

import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array, smoothstep
from jobs.engine.landmarks import Face
from jobs.engine.mouth import KINDS, Lips, MouthFrame
from jobs.engine.warp import Grid, ThinPlate, window

_NOSE = (1, 2, 4, 98, 327, 168, 195, 48, 278)
_EYES = (33, 133, 362, 263, 145, 374, 46, 276, 55, 285)
_CHEEKS = (50, 280, 205, 425, 187, 411, 207, 427)


@dataclass(frozen=True)
class Controls:
    """Points that carry the splines of one layer, and what each of them does for each kind of motion.

    index : (n,) of the landmark that a point belongs to; points : (n, 2) pixels; beyond : (n, 2) pixels that it lies
    away from its landmark, for points of the throat; values : (n, len(KINDS), 2) pixels a pixel of motion.
    """

    index: Array
    points: Array
    beyond: Array
    values: Array

    @property
    def on(self) -> Array:
        """(n,) bool: the points that belong to a landmark's own place."""
        return ~self.beyond.any(axis=1)


def mouth_controls(face: Face, frame: MouthFrame, lips: Lips) -> tuple[Controls, Controls]:
    """Those of the layer above the seam, and those of the layer below."""
    made = _Controls(face, frame, lips)
    return made.layer(upper=True), made.layer(upper=False)


class _Controls:
    def __init__(self, face: Face, frame: MouthFrame, lips: Lips) -> None:
        self._points = face.points[:, :2]
        self._frame, self._lips = frame, lips
        self._rows: list[tuple[int, Array, Array, Array]] = []

    def layer(self, *, upper: bool) -> Controls:
        self._rows = []
        for index in (*_NOSE, *_EYES):
            self._add(index, self._points[index], {})
        self._skin()
        self._corners()
        if upper:
            self._upper_lip()
        else:
            self._lower_lip()
            self._chin()
        return Controls(*(np.array(column) for column in zip(*self._rows, strict=True)))

    def _add(self, index: int, point: Array, motion: dict[str, Array], beyond: Array | None = None) -> None:
        zero = np.zeros(2)
        beyond = zero if beyond is None else beyond
        motions = np.array([motion.get(kind, zero) for kind in KINDS])
        self._rows.append((index, point + beyond, beyond, motions))

    def _skin(self) -> None:
        """Cheeks and the jaw's outline, which follow the chin less and less towards the ears."""
        frame = self._frame
        for index in _CHEEKS:
            u, v = frame.local(self._points[index])
            side = float(np.sign(u))
            low = float(smoothstep(np.array(v / frame.unit), -0.35, 0.25))
            self._add(
                index,
                self._points[index],
                {
                    "jaw": 0.22 * low * frame.drop - 0.05 * low * side * frame.across,
                    "width": 0.25 * side * frame.across,
                    "smile": 0.3 * side * frame.across - 0.35 * frame.down,
                    "close": 0.22 * low * self._closing()[1] * frame.drop,
                },
            )
        for index in lm.JAW:
            _, v = frame.local(self._points[index])
            low = float(smoothstep(np.array(v / frame.unit), -0.25, 0.75))
            self._add(
                index,
                self._points[index],
                {"jaw": 0.75 * low * frame.drop, "close": 0.6 * low * self._closing()[1] * frame.drop},
            )
            if v > 0.3 * frame.unit:  # the throat below follows a little, then not at all
                for beyond, share in ((0.28, 0.3), (0.6, 0.0)):
                    away = beyond * frame.unit * frame.drop
                    self._add(index, self._points[index], {"jaw": share * frame.drop}, away)

    def _closing(self) -> tuple[float, float]:
        """How far the middle of the upper and of the lower lip move to shut the source's mouth, pixels."""
        gap = float(np.interp(0.0, self._lips.at, self._lips.lower - self._lips.upper))
        return 0.4 * gap, -0.6 * gap

    def _narrowing(self) -> float:
        """How far a corner comes in for each pixel that the jaw drops: a smile is wide, and opens from there."""
        return float(np.clip(0.12 + 1.2 * (self._frame.half / self._frame.unit - 0.27), 0.10, 0.30))

    def _corners(self) -> None:
        frame = self._frame
        for index, side in ((61, -1), (291, 1), (78, -1), (308, 1)):
            self._add(
                index,
                self._points[index],
                {
                    "jaw": 0.24 * frame.drop - self._narrowing() * side * frame.across,
                    "width": side * frame.across - 0.12 * frame.down,
                    "smile": 0.8 * side * frame.across - 0.8 * frame.down,
                    "close": 0.3 * self._closing()[1] * frame.drop * 0.5,
                },
            )

    def _upper_lip(self) -> None:
        frame, lips = self._frame, self._lips
        for k, index in enumerate(lm.LIP_UPPER_INNER[1:-1], 1):
            u, bow, arch = _along(k)
            point = self._on(self._points[index], lips.upper)
            shut = 0.4 * self._gap(point) * frame.down
            self._add(
                index,
                point,
                {
                    "jaw": 0.24 * (1 - arch) * frame.drop - self._narrowing() * u * frame.across,
                    "upper": -arch * frame.down,
                    "width": u * frame.across,
                    "smile": 0.8 * u * frame.across - 0.5 * u * u * frame.down,
                    "close": shut,
                },
            )
        for k, index in enumerate(lm.LIP_UPPER_OUTER[1:-1], 1):
            u, bow, arch = _along(k, _OUTER)
            shut = 0.36 * self._gap(self._points[index]) * frame.down
            self._add(
                index,
                self._points[index],
                {
                    "jaw": 0.20 * (1 - arch) * frame.drop - 0.9 * self._narrowing() * u * frame.across,
                    "upper": -0.8 * arch * frame.down,
                    "width": 0.95 * u * frame.across,
                    "pout": -0.8 * bow * frame.down,
                    "smile": 0.75 * u * frame.across - 0.45 * u * u * frame.down,
                    "close": shut,
                },
            )

    def _lower_lip(self) -> None:
        frame, lips = self._frame, self._lips
        for k, index in enumerate(lm.LIP_LOWER_INNER[1:-1], 1):
            u, bow, arch = _along(k)
            point = self._on(self._points[index], lips.lower)
            shut = -0.6 * self._gap(point) * frame.down
            self._add(
                index,
                point,
                {
                    "jaw": (0.24 + 0.76 * arch) * frame.drop - self._narrowing() * u * frame.across,
                    "lower": arch * frame.drop,
                    "width": u * frame.across,
                    "smile": 0.8 * u * frame.across - 0.5 * u * u * frame.down,
                    "close": shut,
                },
            )
        for k, index in enumerate(lm.LIP_LOWER_OUTER[1:-1], 1):
            u, bow, arch = _along(k, _OUTER)
            shut = -0.54 * self._gap(self._points[index]) * frame.down
            self._add(
                index,
                self._points[index],
                {
                    "jaw": (0.24 + 0.74 * arch) * frame.drop - 0.9 * self._narrowing() * u * frame.across,
                    "lower": 0.75 * arch * frame.drop,
                    "width": 0.9 * u * frame.across,
                    "pout": 0.9 * bow * frame.down,
                    "roll": -bow * frame.down,
                    "smile": 0.75 * u * frame.across - 0.4 * u * u * frame.down,
                    "close": shut,
                },
            )

    def _chin(self) -> None:
        frame = self._frame
        for index in lm.CHIN:
            if index in lm.JAW:
                continue
            self._add(
                index,
                self._points[index],
                {
                    "jaw": 0.88 * frame.drop,
                    "lower": 0.3 * frame.drop,
                    "pout": 0.25 * frame.down,
                    "roll": -0.2 * frame.down,
                    "close": 0.75 * self._closing()[1] * frame.drop,
                },
            )

    def _on(self, point: Array, edge: Array) -> Array:
        """The point moved along v onto an inner edge as found in the picture."""
        u, v = self._frame.local(point)
        return point + (np.interp(u, self._lips.at, edge) - v) * self._frame.down

    def _gap(self, point: Array) -> float:
        u, _ = self._frame.local(point)
        return float(np.interp(u, self._lips.at, self._lips.lower - self._lips.upper))


# Where the eleven points of a lip lie on a face seen from the front, as |u| from the middle to a corner.
_INNER = (0.0, 0.27, 0.50, 0.69, 0.83, 1.0)
_OUTER = (0.0, 0.30, 0.57, 0.77, 0.90, 1.0)


def _along(k: int, places: tuple[float, ...] = _INNER) -> tuple[float, float, float]:
    """For the k-th of eleven points along a lip: u, a flat bow, and the shape of an opening.

    By count rather than by place: on a turned face the far half is foreshortened and still opens alike.
    """
    u = float(np.sign(k - 5)) * places[abs(k - 5)]
    return u, 1 - abs(u) ** 3, (1 - abs(u) ** 2) ** 1.1


@dataclass(frozen=True)
class MouthFields:
    """Displacement fields of the two layers, above and below the seam, for one pixel of each kind of motion.

    upper, lower : (len(KINDS), rows, columns, 2) float32, pixels; `close` is whole: 1 shuts the source's lips.
    """

    upper: Array
    lower: Array

    def at(self, amounts: Array) -> tuple[Array, Array]:
        """amounts : (len(KINDS),) float32, pixels in the order of KINDS. Returns both layers' fields."""
        kinds, *shape = self.upper.shape
        both = (layer.reshape(kinds, -1) for layer in (self.upper, self.lower))
        upper, lower = (amounts @ layer for layer in both)
        return upper.reshape(shape), lower.reshape(shape)


def mouth_fields(
    face: Face, frame: MouthFrame, lips: Lips, grid: Grid, shape: tuple[int, int]
) -> MouthFields:
    """Fields for a face. shape : height and width of the picture."""
    nodes = grid.nodes()
    places = nodes.reshape(-1, 2)
    layers = []
    for controls in mouth_controls(face, frame, lips):
        values = controls.values.reshape(len(controls.points), -1)
        spread = ThinPlate(controls.points, places, stiffness=2e-4)(values)
        layers.append(spread.reshape(*grid.shape, len(KINDS), 2).transpose(2, 0, 1, 3))
    above, below = layers
    # Beside the corners there is one skin: both layers move alike there.
    u, v = frame.local(nodes)
    beside = smoothstep(np.abs(u), 0.98, 1.25)[None, ..., None]
    mean = (above + below) / 2
    fade = window(grid, shape, 0.12 * frame.unit) * forget(frame, u, v)[..., None]
    both = [((1 - beside) * layer + beside * mean) * fade for layer in (above, below)]
    return MouthFields(*(np.ascontiguousarray(layer, np.float32) for layer in both))


def forget(frame: MouthFrame, u: Array, v: Array) -> Array:
    """1 around the mouth, falling to 0 at the eyes and some way below the chin, whatever the splines do there."""
    high = smoothstep(v / frame.unit, -0.75, -0.45)
    low = 1 - smoothstep(v / frame.unit, 0.95, 1.25)
    side = 1 - smoothstep(np.abs(u) * frame.half / frame.unit, 0.75, 1.0)
    return high * low * side
