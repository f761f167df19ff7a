"""One frame of a talking portrait from the source picture, a mouth shape and a head's movement."""

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.controls import MouthFields, mouth_fields
from jobs.engine.eyes import blink, find_eyes
from jobs.engine.head import head_fields, head_region
from jobs.engine.interior import make_interior
from jobs.engine.landmarks import Face
from jobs.engine.lipwork import MouthPainter
from jobs.engine.motion import Performance
from jobs.engine.mouth import KINDS, MouthFrame, Style, amounts, find_lips
from jobs.engine.picture import Planes, to_planes
from jobs.engine.territory import Territory
from jobs.engine.texture import Places, Texture
from jobs.engine.visemes import MouthTrack
from jobs.engine.warp import Box, Grid, invert


class Portrait:
    """Draws frames of one face in one picture. Build once a render; frames must be asked for in order.

    Each inverse starts from the frame before, so the same frames in the same order come out bit for bit.
    """

    def __init__(
        self,
        picture: Array,
        face: Face,
        *,
        style: Style,
        mask: Array | None = None,
        territory: Territory | None = None,
    ) -> None:
        """picture : (height, width, 3) uint8 RGB at the output's size; mask : (height, width) uint8, 255 moves.
        territory : where alone the head may move, beside another head."""
        self.source = to_planes(picture)
        shape = self.source.shape
        self._style = style
        self._frame = MouthFrame.of(face)
        self._lips = find_lips(face, self._frame, self.source.y)
        self._grid = Grid.over(*head_region(face), shape)
        self._head = head_fields(face, self._grid, shape)
        self._fields = mouth_fields(face, self._frame, self._lips, self._grid, shape)
        self._territory = territory
        if territory is not None:
            self._keep_within(territory)
        self._eyes = find_eyes(face, self.source)
        self._texture = Texture(self.source)
        self._region = Places(self._grid.box, self._grid.step)
        self._mouth = MouthPainter(self._frame, self._lips, self._grid)
        box = self._mouth.places.box
        self._interior = make_interior(face, self._frame, self._lips, self.source, picture, box)
        self._masked = None if mask is None else Masked(self.source, mask)
        self._target = self.source.copy()
        zero = np.zeros((*self._grid.shape, 2), np.float32)
        self._guess = (zero, zero)

    @property
    def can_blink(self) -> bool:
        return bool(self._eyes)

    def draw(self, track: MouthTrack, performance: Performance, k: int) -> Planes:
        """Frame k. The planes returned are used again for the next frame."""
        head = (performance.head[k] @ self._head.reshape(5, -1)).reshape(self._head.shape[1:])
        moved = self._amounts(track, k)
        back = self._look_back(moved, head)
        self._draw_region(head, *back)
        self._mouth.paint(self._target, self._texture, self._interior, (*back, head), self._jaw_shift(moved))
        if performance.blink[k] > 0:
            for eye in self._eyes:
                blink(eye, float(performance.blink[k]), self._head_at(head, eye.box), self._target)
        return self._target if self._masked is None else self._masked.lay(self._target)

    @property
    def box(self) -> Box:
        """All that a frame may change."""
        return self._grid.box

    def owned(self) -> Array:
        """(height, width) bool: the pixels that no other head may change."""
        shape = self.source.shape
        return np.ones(shape, bool) if self._territory is None else self._territory.holds(shape)

    def _keep_within(self, territory: Territory) -> None:
        share = territory.share(self._grid.nodes())[None, ..., None].astype(np.float32)
        self._head = self._head * share
        self._fields = MouthFields(self._fields.upper * share, self._fields.lower * share)

    def _amounts(self, track: MouthTrack, k: int) -> Array:
        """Pixels of each kind of motion."""
        found = amounts(track, k, self._frame, self._style, close=1.0, parted=self._lips.open)
        return found.astype(np.float32)

    def _look_back(self, moved: Array, head: Array) -> tuple[Array, Array]:
        """Displacements on the nodes to look back by, above and below the seam, head movement included."""
        grid = self._grid
        forward = self._fields.at(moved)
        self._guess = tuple(
            invert(grid, field, guess) for field, guess in zip(forward, self._guess, strict=True)
        )  # type: ignore[assignment]
        at = grid.nodes() + head
        upper, lower = (head + grid.sample(field, at) for field in self._guess)
        return upper, lower

    def _draw_region(self, head: Array, upper: Array, lower: Array) -> None:
        u, v = self._frame.local(self._grid.nodes() + head)
        under = self._lips.below_upper(u, v) > 0
        back = np.where(under[..., None], lower, upper)
        box = self._region.box
        self._target.y[box.slices] = self._texture.luma(self._region.luma(back))
        chroma = self._texture.chroma(self._region.chroma(back))
        self._target.u[box.half.slices], self._target.v[box.half.slices] = chroma[..., 0], chroma[..., 1]

    def _jaw_shift(self, moved: Array) -> Array:
        """How far the lower teeth have moved, pixels."""
        by_kind = dict(zip(KINDS, moved, strict=True))
        return np.asarray((by_kind["jaw"] + 0.6 * by_kind["lower"]) * self._frame.drop, np.float32)

    def _head_at(self, head: Array, box: Box) -> Array:
        """The head's movement at every pixel of a box."""
        y, x = np.mgrid[box.y : box.y + box.height, box.x : box.x + box.width].astype(np.float32)
        return self._grid.sample(head, np.stack([x, y], axis=-1))


class Masked:
    """White of a mask moves; black is exactly the source."""

    def __init__(self, source: Planes, mask: Array) -> None:
        """mask : (height, width) uint8, of the source's size."""
        height, width = mask.shape
        half = cv2.resize(mask, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        self._source = source
        shares = [plane.astype(np.float32) / 255 for plane in (mask, half)]
        self._shares = [(share, 1 - share) for share in shares]

    def lay(self, drawn: Planes) -> Planes:
        """A new frame: `drawn` over the source by the mask."""
        full, half = self._shares
        source = self._source
        return Planes(
            cv2.blendLinear(drawn.y, source.y, *full),
            cv2.blendLinear(drawn.u, source.u, *half),
            cv2.blendLinear(drawn.v, source.v, *half),
        )
