"""Two heads in one picture: where each of them may move, so that they never draw over each other."""

from dataclasses import dataclass

import numpy as np

from jobs.engine.arrays import Array, smoothstep
from jobs.engine.landmarks import Face

_MOUTH_AND_EYES = (61, 291, 33, 263, 13, 14)


@dataclass(frozen=True)
class Territory:
    """One side of a straight line.

    origin : (2,) a point of the line, pixels; inwards : (2,) unit vector into the territory; margin : pixels
    from the line over which motion grows from nothing to all of it.
    """

    origin: Array
    inwards: Array
    margin: float

    def share(self, places: Array) -> Array:
        """How much of a motion is allowed at places (..., 2), pixels: 0 on the line and beyond, up to 1."""
        return smoothstep((places - self.origin) @ self.inwards, 0.0, self.margin)

    def holds(self, shape: tuple[int, int]) -> Array:
        """(height, width) bool: the pixels of a picture that lie in the territory."""
        rows, columns = np.arange(shape[0]), np.arange(shape[1])
        away = (columns - self.origin[0]) * self.inwards[0]
        return (rows - self.origin[1])[:, None] * self.inwards[1] + away[None] > 0


def divided(one: Face, other: Face) -> tuple[Territory, Territory]:
    """The plane shared between two heads: the line is square to the line between their faces' middles and cuts
    it in the proportion of their sizes. On it neither moves, so the two halves join without a seam."""
    middles = [np.array([x + w / 2, y + h / 2]) for x, y, w, h in (one.box, other.box)]
    sizes = [_size(face) for face in (one, other)]
    between = middles[1] - middles[0]
    distance = max(float(np.hypot(*between)), 1e-6)
    across = between / distance
    origin = middles[0] + between * sizes[0] / (sizes[0] + sizes[1])
    one_side, other_side = (
        Territory(origin, inwards, _margin(face, origin, inwards))
        for face, inwards in ((one, -across), (other, across))
    )
    return one_side, other_side


def _size(face: Face) -> float:
    """The width of a face as if it were seen from the front, pixels."""
    return max(face.box[2], 0.75 * face.box[3])


def _margin(face: Face, origin: Array, inwards: Array) -> float:
    """All of a motion is allowed at mouth and eyes, unless the line all but touches them."""
    nearest = float(((face.points[list(_MOUTH_AND_EYES), :2] - origin) @ inwards).min())
    size = _size(face)
    return float(np.clip(nearest, 0.08 * size, 0.35 * size))
