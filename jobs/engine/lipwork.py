"""Painting a mouth: the upper lip's layer, the lower lip's, and what shows between them."""

import cv2
import numpy as np

from jobs.engine.arrays import Array, smoothstep
from jobs.engine.interior import Interior, layered
from jobs.engine.mouth import Lips, MouthFrame
from jobs.engine.picture import Planes
from jobs.engine.texture import Places, Texture, blend, remap
from jobs.engine.warp import Grid

NOTHING = 0.004  # of a pixel's colour


class MouthPainter:
    """Paints the box around a mouth into a frame."""

    def __init__(self, frame: MouthFrame, lips: Lips, grid: Grid) -> None:
        self._frame, self._lips = frame, lips
        # They hold the mouth however wide it opens.
        self._cells = mouth_cells(
            frame, grid, across=1.4, down=(-0.16 * frame.unit, 0.30 * frame.unit), margin=2.0
        )
        self._places = Places(grid.box_of(self._cells), grid.step)
        self._upper_edge, self._lower_edge = self._edges()

    @property
    def places(self) -> Places:
        return self._places

    def paint(
        self,
        target: Planes,
        texture: Texture,
        interior: Interior,
        fields: tuple[Array, Array, Array],
        jaw: Array,
    ) -> None:
        """Paint one frame's mouth into `target`.

        fields : displacements on the grid's nodes to look back by, pixels: upper layer, lower layer, and the
        head alone. jaw : (2,) pixels that the lower teeth have moved.
        """
        upper, lower, head = fields
        places, cells, box = self._places, self._cells, self._places.box
        depth, shares = self._shares(upper, lower)
        shows = shares[2].max() > NOTHING
        luma = [texture.luma(places.luma(field, cells)) for field in (upper, lower)]
        if shows:
            inside = _inside(interior.jaw_luma, interior.skull_luma, places.local(head, cells), jaw)
            shade = 0.62 + 0.38 * smoothstep(depth, 0.0, 0.05 * self._frame.unit)
            luma.append(inside if interior.own else 16 + (inside - 16) * shade)
        target.y[box.slices] = blend(luma, shares)
        chroma = [texture.chroma(places.chroma(field, cells)) for field in (upper, lower)]
        if shows:
            at = places.local_half(head, cells)
            chroma.append(_inside(interior.jaw_chroma, interior.skull_chroma, at, jaw / 2))
        size = (box.width // 2, box.height // 2)
        half = [cv2.resize(share, size, interpolation=cv2.INTER_AREA)[..., None] for share in shares]
        blended = blend(chroma, half)
        target.u[box.half.slices], target.v[box.half.slices] = blended[..., 0], blended[..., 1]

    def _shares(self, upper: Array, lower: Array) -> tuple[Array, list[Array]]:
        """How far each pixel lies below the upper lip's edge, and how much of each layer it shows."""
        at_upper = remap(self._upper_edge, self._places.local(upper, self._cells))
        at_lower = remap(self._lower_edge, self._places.local(lower, self._cells))
        depth, inside = at_upper[..., 0], at_upper[..., 1]
        above = np.clip(0.5 - depth, 0, 1)
        below = np.minimum(np.clip(0.5 + at_lower, 0, 1), 1 - above)
        between = (1 - above - below) * inside
        return depth, [above, 1 - above - between, between]

    def _edges(self) -> tuple[Array, Array]:
        """Over the box at rest: how far below the upper lip's inner edge, in units of the fade between lips
        and mouth, with 1 between the corners and 0 beyond, where nothing may show; and below the lower's."""
        box, frame, lips = self._places.box, self._frame, self._lips
        y, x = np.mgrid[box.y : box.y + box.height, box.x : box.x + box.width]
        u, v = frame.local(np.stack([x, y], axis=-1).astype(np.float32))
        soft = max(1.0, 0.014 * frame.unit)  # lips fade into the mouth over about a pixel at 480p
        inside = 1 - smoothstep(np.abs(u), 0.93, 1.0)
        upper = np.stack([lips.below_upper(u, v) / soft, inside], axis=-1)
        return upper.astype(np.float32), (lips.below_lower(u, v) / soft).astype(np.float32)


def mouth_cells(
    frame: MouthFrame, grid: Grid, *, across: float, down: tuple[float, float], margin: float
) -> tuple[int, int, int, int]:
    """The cells of a grid near a mouth. across : half widths of the mouth to both sides; down : pixels below its
    centre; margin : cells around that."""
    corners = [
        frame.centre + side * frame.half * frame.across + low * frame.down
        for side in (-across, across)
        for low in down
    ]
    around = margin * grid.step
    return grid.cells(np.min(corners, axis=0) - around, np.max(corners, axis=0) + around)


def _inside(jaw_map: Array, skull_map: Array, at: Array, jaw: Array) -> Array:
    """Lower teeth and tongue where the jaw is, under the upper teeth."""
    return layered(remap(jaw_map, at - jaw.astype(np.float32)), remap(skull_map, at))
