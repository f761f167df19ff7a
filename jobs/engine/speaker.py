"""The face of one track in its own axes: how it lies in each frame, and how its mouth moves.

Lengths in the face's axes are pixels as at the track's start: x along the eyes, y down the face, z away from the
camera, 0 at the middle of the mouth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array, smoothstep
from jobs.engine.controls import mouth_controls
from jobs.engine.landmarks import Face
from jobs.engine.mouth import KINDS, OPENED, MouthFrame, outlined

# What speech does not move: nose, eyes' corners, forehead, temples.
RIGID = (1, 2, 4, 5, 6, 168, 195, 197, 98, 327, 33, 133, 263, 362, 127, 356, 162, 389, 10, 109, 338, 67, 297)


@dataclass(frozen=True)
class Pose:
    """How a face lies in a frame: pixels = scale * (turn @ point) + shift. turn : (3, 3); shift : (3,)."""

    turn: Array
    scale: float
    shift: Array

    @classmethod
    def fit(cls, reference: Array, points: Array) -> "Pose":
        """The similarity that takes `reference` nearest to `points`, both (n, 3).

        S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
        """
        centre, middle = reference.mean(axis=0), points.mean(axis=0)
        a, b = reference - centre, points - middle
        u, sizes, vt = np.linalg.svd(b.T @ a)
        sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        turn = (u * sign) @ vt
        scale = float((sizes * sign).sum() / (a * a).sum())
        return cls(turn, scale, middle - scale * turn @ centre)

    def out(self, points: Array) -> Array:
        """From the face's axes to pixels; (..., 3) each."""
        return self.scale * (points @ self.turn.T) + self.shift

    def into(self, points: Array) -> Array:
        """From pixels to the face's axes."""
        return ((points - self.shift) @ self.turn) / self.scale

    def plane(self, depth: float) -> Array:
        """(2, 3): from x, y at a depth of the face's axes to pixels."""
        linear = self.scale * self.turn[:2]
        return np.column_stack([linear[:, :2], linear[:, 2] * depth + self.shift[:2]])


def own_axes(points: Array) -> Pose:
    """The pose of a face by its own landmarks, (478, 3)."""
    across = points[263] - points[33]
    across = across / np.linalg.norm(across)
    down = points[2] - points[10]
    down = down - (down @ across) * across
    down = down / np.linalg.norm(down)
    turn = np.stack([across, down, np.cross(across, down)], axis=1)
    return Pose(turn, 1.0, points[[61, 291]].mean(axis=0))


class Speaker:
    """One track's face: its reference shape, its poses, and the points that carry its mouth's motion."""

    def __init__(self, track: Sequence[Array]) -> None:
        """track : the landmarks of a few frames, (478, 3) pixels each, the first of which gives the axes."""
        axes = own_axes(track[0])
        rigid = axes.into(track[0])[list(RIGID)]
        shapes = [Pose.fit(rigid, points[list(RIGID)]).into(points) for points in track]
        self.points = np.mean(shapes, axis=0)
        face = Face.of(self.points)
        self.frame = MouthFrame.of(face)
        self.lips = outlined(face, self.frame)
        self.layers = mouth_controls(face, self.frame, self.lips)
        self._rigid = self.points[list(RIGID)]
        self._opened = self._opening()
        self.held = self._held()
        self._places = np.column_stack([np.ones(len(self.points)), self.points[:, :2]])
        self._lower = np.flatnonzero(self.held == 1)
        self._fitted = np.linalg.pinv(self._places[self._lower])

    def pose(self, points: Array) -> Pose:
        """points : (478, 3) pixels, or those of `RIGID` alone."""
        return Pose.fit(self._rigid, points if len(points) == len(RIGID) else points[list(RIGID)])

    def shut(self, points: Array) -> Array:
        """A shape, (478, 3) in the face's axes, with its lips brought together and its jaw up with them."""
        gap = max(0.0, float(points[14, 1] - points[13, 1]))
        points = points - gap * self._opened
        upper, lower = list(lm.LIP_UPPER_INNER), list(lm.LIP_LOWER_INNER)
        points[upper] = points[lower] = (points[upper] + points[lower]) / 2
        return points

    def placed(self, shape: Array, where: Array) -> Array:
        """A shape moved, tilted and stretched down the face as a whole to where another lies; (478, 3) each."""
        away = (where - shape)[self._lower]
        moved = np.zeros_like(shape)
        moved[:, [0, 2]] = away[:, [0, 2]].mean(axis=0)
        moved[:, 1] = self._places @ (self._fitted @ away[:, 1])
        return shape + moved

    def _opening(self) -> Array:
        """(478, 3): where each landmark goes for one pixel of a gap."""
        shares = np.array([OPENED.get(kind, 0.0) for kind in KINDS])
        moved = np.zeros((len(self.points), 3))
        for controls in self.layers:
            for index, values in zip(controls.index[controls.on], controls.values[controls.on], strict=True):
                moved[index, :2] = shares @ values
        return moved

    def _held(self) -> Array:
        """(478,): 1 where the source's own movement is taken away (lips, chin), 0 where it stays."""
        held = np.zeros(len(self.points))
        jaw = self.points[list(lm.JAW), 1] / self.frame.unit
        held[list(lm.JAW)] = smoothstep(jaw, 0.0, 0.5)
        held[[*lm.LIPS, *lm.CHIN]] = 1.0
        return held


def turned(face: Face) -> float:
    """|cosine| of the angle between the line of the eyes and the picture, by the mesh's depth."""
    across = face.points[263] - face.points[33]
    return float(np.hypot(*across[:2]) / max(float(np.linalg.norm(across)), 1e-6))
