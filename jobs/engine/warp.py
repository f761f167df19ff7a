"""Smooth displacement of a region of a picture, on a coarse grid, in planar YUV 4:2:0.

Thin-plate splines (F. L. Bookstein, "Principal warps", 1989) spread the motion of a few points over a
grid of about fifty columns. A frame's displacement is a weighted sum of such fields; its inverse is
found by fixed-point iteration on the same grid, and only the region is resampled. Pixels outside are
never touched, and no colour conversion is paid for.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from jobs.engine.arrays import Array, smoothstep


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: left, top, width, height; all even, so that chroma planes align."""

    x: int
    y: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    @property
    def half(self) -> "Box":
        return Box(self.x // 2, self.y // 2, self.width // 2, self.height // 2)


@dataclass(frozen=True)
class Grid:
    """Nodes in the middle of square cells of `step` pixels that tile `box`."""

    box: Box
    step: int

    @classmethod
    def over(cls, low: Array, high: Array, shape: tuple[int, int], columns: int = 48) -> "Grid":
        """The grid over the corners low..high (x, y), cut to a picture of shape (height, width)."""
        x0, y0 = (max(0, int(v) // 2 * 2) for v in low)
        x1, y1 = min(shape[1], int(high[0])), min(shape[0], int(high[1]))
        step = max(4, round((x1 - x0) / columns / 2) * 2)
        width, height = (x1 - x0) // step * step, (y1 - y0) // step * step
        return cls(Box(x0, y0, max(width, 2 * step), max(height, 2 * step)), step)

    @property
    def shape(self) -> tuple[int, int]:
        return self.box.height // self.step, self.box.width // self.step

    def nodes(self) -> Array:
        """Positions of the nodes in the picture: (rows, columns, 2) float32, x and y in pixels; read only."""
        return self._nodes

    @cached_property
    def _nodes(self) -> Array:
        rows, columns = self.shape
        x = self.box.x + (np.arange(columns, dtype=np.float32) + 0.5) * self.step - 0.5
        y = self.box.y + (np.arange(rows, dtype=np.float32) + 0.5) * self.step - 0.5
        return np.stack(np.meshgrid(x, y), axis=-1)

    def cells(self, low: Array, high: Array) -> tuple[int, int, int, int]:
        """The cells (first row, end row, first column, end column) that hold the corners low..high."""
        rows, columns = self.shape
        c0 = int(np.clip((low[0] - self.box.x) // self.step, 0, columns - 1))
        r0 = int(np.clip((low[1] - self.box.y) // self.step, 0, rows - 1))
        c1 = int(np.clip(-(-(high[0] - self.box.x) // self.step), c0 + 1, columns))
        r1 = int(np.clip(-(-(high[1] - self.box.y) // self.step), r0 + 1, rows))
        return r0, r1, c0, c1

    def box_of(self, cells: tuple[int, int, int, int]) -> Box:
        r0, r1, c0, c1 = cells
        step = self.step
        return Box(self.box.x + c0 * step, self.box.y + r0 * step, (c1 - c0) * step, (r1 - r0) * step)

    def sample(self, field: Array, at: Array) -> Array:
        """A field on the nodes read at positions in the picture, bilinear, flat beyond the outer nodes.

        field : (rows, columns, 2) float32. at : (r, c, 2) float32 pixels. Returns (r, c, 2) float32.
        """
        x = (at[..., 0] - (self.box.x - 0.5)) / self.step - 0.5
        y = (at[..., 1] - (self.box.y - 0.5)) / self.step - 0.5
        return cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


class ThinPlate:
    """Thin-plate interpolation from fixed points to fixed places, for any values at the points."""

    def __init__(self, points: Array, places: Array, *, stiffness: float = 1e-3) -> None:
        """points : (n, 2), places : (m, 2), pixels. stiffness : 0 interpolates, more smooths."""
        n = len(points)
        self._scale = float(np.abs(points - points.mean(axis=0)).mean())
        points = (points / self._scale).astype(np.float64)
        places = (places / self._scale).astype(np.float64)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = _kernel(points, points) + stiffness * np.eye(n)
        system[:n, n] = system[n, :n] = 1
        system[:n, n + 1 :] = points
        system[n + 1 :, :n] = points.T
        at = np.concatenate([_kernel(places, points), np.ones((len(places), 1)), places], axis=1)
        # Solved once for the transposed system: each set of values then costs one matrix product.
        self._weights = np.linalg.solve(system.T, at.T).T[:, :n]

    def __call__(self, values: Array) -> Array:
        """values : (n, k) at the points. Returns (m, k) float64 at the places."""
        return self._weights @ values


def spread(points: Array, values: Array, places: Array, *, stiffness: float = 2e-4) -> Array:
    """`ThinPlate` for one set of values, in single precision: what a frame can afford.

    points : (n, 2), places : (m, 2), pixels; values : (n, k). Returns (m, k) float32.
    """
    n, middle = len(points), points.mean(axis=0)
    scale = np.abs(points - middle).mean()
    points = (points - middle) / scale
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(points, points) + stiffness * np.eye(n)
    system[:n, n] = system[n, :n] = 1
    system[:n, n + 1 :] = points
    system[n + 1 :, :n] = points.T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros((3, values.shape[1]))]))
    weights = weights.astype(np.float32)
    places = ((places - middle) / scale).astype(np.float32)
    points = points.astype(np.float32)
    # |a - b|^2 as a matrix product: differences of a thousand places and seventy points take longer.
    square = (places**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * (places @ points.T)
    square = np.maximum(square, np.float32(1e-9))
    return (square * np.log(square)) @ weights[:n] + weights[n] + places @ weights[n + 1 :]


def _kernel(a: Array, b: Array) -> Array:
    square = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return square * np.log(np.maximum(square, 1e-12))


def window(grid: Grid, shape: tuple[int, int], margin: float) -> Array:
    """1 inside the grid's box, falling to 0 over `margin` pixels at each side that is not the picture's edge.

    Returns (rows, columns, 1) float32.
    """
    nodes, box = grid.nodes(), grid.box
    x, y = nodes[..., 0], nodes[..., 1]
    inside = np.ones(grid.shape, np.float32)
    slack = grid.step  # the grid ends up to one cell short of the picture's edge
    if box.x > slack:
        inside *= smoothstep(x - box.x, grid.step, margin)
    if box.y > slack:
        inside *= smoothstep(y - box.y, grid.step, margin)
    if box.x + box.width < shape[1] - slack:
        inside *= smoothstep(box.x + box.width - x, grid.step, margin)
    if box.y + box.height < shape[0] - slack:
        inside *= smoothstep(box.y + box.height - y, grid.step, margin)
    return inside[..., None].astype(np.float32)


def invert(grid: Grid, forward: Array, guess: Array, rounds: int = 5) -> Array:
    """The displacement to look back by: back(y) = -forward(y + back(y)), by fixed-point iteration.

    forward, guess : (rows, columns, 2) float32 pixels on the grid's nodes. It converges where the forward
    field changes by less than one pixel a pixel; a guess from the frame before saves rounds.
    """
    nodes = grid.nodes()
    back = guess
    for _ in range(rounds):
        back = -grid.sample(forward, nodes + back)
    return back


def fine(field: Array, step: int) -> Array:
    """A field on cells of `step` pixels brought to every pixel, bilinear. (r, c, 2) -> (r*step, c*step, 2)."""
    rows, columns = field.shape[:2]
    return cv2.resize(field, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)


def fine_part(field: Array, cells: tuple[int, int, int, int], step: int) -> Array:
    """`fine` for some cells only, equal to the same part of the whole field's."""
    r0, r1, c0, c1 = cells
    top, left = min(r0, 1), min(c0, 1)
    part = field[r0 - top : r1 + 1, c0 - left : c1 + 1]
    whole = fine(part, step)
    return whole[top * step : (top + r1 - r0) * step, left * step : (left + c1 - c0) * step]


class Resampler:
    """Reads planes of a picture at displaced positions of one box."""

    def __init__(self, box: Box) -> None:
        self.box = box
        y, x = np.mgrid[box.y : box.y + box.height, box.x : box.x + box.width].astype(np.float32)
        self._x, self._y = x, y
        half = box.half
        y, x = np.mgrid[half.y : half.y + half.height, half.x : half.x + half.width].astype(np.float32)
        self._half_x, self._half_y = x, y

    def maps(self, back: Array) -> tuple[Array, Array]:
        """Absolute positions in the luma plane for a displacement (height, width, 2) of the box, pixels."""
        return back[..., 0] + self._x, back[..., 1] + self._y

    def half_maps(self, back: Array) -> tuple[Array, Array]:
        """The same for the chroma planes."""
        height, width = self._half_x.shape
        half = cv2.resize(back, (width, height), interpolation=cv2.INTER_AREA) * np.float32(0.5)
        return half[..., 0] + self._half_x, half[..., 1] + self._half_y


def read(plane: Array, maps: tuple[Array, Array], how: int = cv2.INTER_CUBIC) -> Array:
    """A plane at the positions of `maps`; beyond its edges the outermost pixels go on."""
    return cv2.remap(plane, maps[0], maps[1], how, borderMode=cv2.BORDER_REPLICATE)
