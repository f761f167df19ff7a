"""Small movements of a head in a still: fields to look back by, for each way a head can move.

Turning and nodding shift near parts more than far ones, by the depth of the face mesh. All of it fades
out beyond the hair, so the background stays where it is.
"""

import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array, smoothstep
from jobs.engine.landmarks import Face
from jobs.engine.warp import Grid, ThinPlate, window

_DEPTH = (
    *lm.JAW[::2],
    *lm.FOREHEAD[::2],
    1,
    4,
    6,
    168,
    152,
    13,
    14,
    61,
    291,
    50,
    280,
    33,
    263,
    133,
    362,
    9,
    98,
    327,
)


def head_region(face: Face) -> tuple[Array, Array]:
    """Corners (x, y) of what moves with a head: the face with hair, ears and some of the neck."""
    x, y, width, height = face.box
    size = max(width, 0.75 * height)
    middle = x + width / 2
    return (
        np.array([middle - 0.85 * size, y - 0.58 * height]),
        np.array([middle + 0.85 * size, y + 1.32 * height]),
    )


def head_fields(face: Face, grid: Grid, shape: tuple[int, int]) -> Array:
    """(5, rows, columns, 2) float32: pixels to look back by for one radian of yaw, pitch and roll, and for
    a shift of one face width right and down."""
    nodes = grid.nodes()
    x, y, width, height = face.box
    size = max(width, 0.75 * height)
    hold = (
        _hold(face, nodes, size) * window(grid, shape, 0.15 * size)[..., 0] * _edges(nodes, shape, 0.3 * size)
    )
    depth = _depth(face, nodes, size)
    neck = np.array([x + width / 2, y + 1.15 * height])
    away = nodes - neck
    zero = np.zeros_like(depth)
    moves = [
        np.stack([-depth, zero], axis=-1),
        np.stack([zero, depth], axis=-1),
        np.stack([-away[..., 1], away[..., 0]], axis=-1),
        np.stack([np.full_like(depth, size), zero], axis=-1),
        np.stack([zero, np.full_like(depth, size)], axis=-1),
    ]
    return np.ascontiguousarray(-np.stack(moves) * hold[None, ..., None], np.float32)


def _hold(face: Face, nodes: Array, size: float) -> Array:
    """1 on head and hair, falling to 0 around them."""
    x, y, width, height = face.box
    away_x = (nodes[..., 0] - (x + width / 2)) / (0.5 * size)
    away_y = (nodes[..., 1] - (y + 0.42 * height)) / (0.5 * height)
    radius = np.hypot(away_x, np.where(away_y < 0, away_y * 0.82, away_y * 0.92))
    return 1 - smoothstep(radius, 0.95, 1.65)


def _edges(nodes: Array, shape: tuple[int, int], margin: float) -> Array:
    """0 at the picture's edges, so that nothing has to be made up beyond them."""
    height, width = shape
    nearest = np.minimum.reduce(
        [nodes[..., 0], nodes[..., 1], width - 1 - nodes[..., 0], height - 1 - nodes[..., 1]]
    )
    return smoothstep(nearest, 0.0, margin)


def _depth(face: Face, nodes: Array, size: float) -> Array:
    """Pixels nearer than the axis of the head, smooth over the grid; 0 far from the face."""
    points = face.points[list(_DEPTH)]
    depth = points[:, 2]
    near = np.median(face.points[list(lm.JAW), 2]) - depth
    smooth = ThinPlate(points[:, :2], nodes.reshape(-1, 2), stiffness=0.05)(near[:, None])
    return np.clip(smooth.reshape(nodes.shape[:2]), -0.4 * size, 0.9 * size)
