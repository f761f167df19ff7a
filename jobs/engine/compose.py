"""One frame of a talking portrait from the source picture, a mouth shape and a head's movement."""

from dataclasses import dataclass

import cv2
import numpy as np

from jobs.engine.arrays import Array, smoothstep
from jobs.engine.eyes import blink, find_eyes
from jobs.engine.head import head_fields, head_region
from jobs.engine.interior import make_interior
from jobs.engine.landmarks import Face
from jobs.engine.motion import Performance
from jobs.engine.mouth import KINDS, Lips, MouthFrame, find_lips, mouth_fields
from jobs.engine.picture import Planes, to_planes
from jobs.engine.visemes import MouthTrack
from jobs.engine.warp import Box, Grid, Resampler, fine, fine_part, invert, read

WIDEST = 0.135  # gap between the lips at opening 1, in eye distances


@dataclass(frozen=True)
class Style:
    """How large movements are against the usual. smile : added to every shape, in eye distances."""

    mouth: float = 1.0
    smile: float = 0.0


class Portrait:
    """Draws frames of one face in one picture. Build once a render; frames must be asked for in order.

    Each inverse starts from the frame before, so the same frames in the same order come out bit for bit.
    """

    def __init__(self, picture: Array, face: Face, *, style: Style, mask: Array | None = None) -> None:
        """picture : (height, width, 3) uint8 RGB at the output's size; mask : (height, width) uint8, 255 moves."""
        self.source = to_planes(picture)
        shape = self.source.shape
        self._style = style
        self._frame = MouthFrame.of(face)
        self._lips = find_lips(face, self._frame, self.source.y)
        self._grid = Grid.over(*head_region(face), shape)
        self._head = head_fields(face, self._grid, shape)
        self._fields = mouth_fields(face, self._frame, self._lips, self._grid, shape)
        self._eyes = find_eyes(face, self.source.y)
        self._region = Resampler(self._grid.box)
        self._cells = _mouth_cells(self._frame, self._grid)
        self._mouth = Resampler(self._grid.box_of(self._cells))
        self._edges = _edge_maps(self._frame, self._lips, self._mouth.box)
        self._interior = make_interior(face, self._frame, self._lips, self.source, picture, self._mouth.box)
        self._mask = None if mask is None else _mask_planes(mask)
        self._target = self.source.copy()
        self._blinked = False
        zero = np.zeros((*self._grid.shape, 2), np.float32)
        self._guess = (zero, zero)

    @property
    def can_blink(self) -> bool:
        return bool(self._eyes)

    def draw(self, track: MouthTrack, performance: Performance, k: int) -> Planes:
        """Frame k. The planes returned are used again for the next frame."""
        head = np.tensordot(performance.head[k], self._head, axes=1).astype(np.float32)
        amounts = self._amounts(track, k)
        back = self._look_back(amounts, head)
        self._draw_region(head, *back)
        self._draw_mouth(amounts, head, *back)
        if performance.blink[k] > 0:
            for eye in self._eyes:
                blink(
                    eye, float(performance.blink[k]), self._head_at(head, eye.box), self.source, self._target
                )
        return self._target if self._mask is None else _masked(self.source, self._target, self._mask)

    def _amounts(self, track: MouthTrack, k: int) -> Array:
        """Pixels of each kind of motion."""
        unit, style = self._frame.unit, self._style
        opening = float(track.opening[k])
        gap = opening * WIDEST * unit * style.mouth
        parted = min(1.0, opening / 0.06)  # the upper lip rises only off a mouth that is not shut
        width = float(track.width[k])
        values = {
            "close": 1.0,
            "jaw": 0.62 * gap,
            "lower": 0.18 * gap - 0.010 * unit * float(track.tuck[k]) * parted,
            "upper": 0.20 * gap
            + (0.014 * float(track.upper[k]) + 0.010 * float(track.tuck[k])) * unit * parted,
            "width": (0.030 if width > 0 else 0.055) * width * unit,
            "pout": (0.022 * float(track.rounding[k]) - 0.012 * float(track.press[k])) * unit,
            "roll": 0.014 * float(track.tuck[k]) * unit,
            "smile": style.smile * unit,
        }
        return np.array([values[kind] for kind in KINDS], np.float32)

    def _look_back(self, amounts: Array, head: Array) -> tuple[Array, Array]:
        """Displacements on the nodes to look back by, above and below the seam, head movement included."""
        grid = self._grid
        forward = self._fields.at(amounts)
        self._guess = tuple(
            invert(grid, field, guess) for field, guess in zip(forward, self._guess, strict=True)
        )  # type: ignore[assignment]
        at = grid.nodes() + head
        upper, lower = (head + grid.sample(field, at) for field in self._guess)
        return upper, lower

    def _draw_region(self, head: Array, upper: Array, lower: Array) -> None:
        nodes = self._grid.nodes()
        u, v = self._frame.local(nodes + head)
        under = self._lips.below_upper(u, v) > 0
        back = fine(np.where(under[..., None], lower, upper), self._grid.step)
        _read_into(self._target, self.source, self._region, back)

    def _draw_mouth(self, amounts: Array, head: Array, upper: Array, lower: Array) -> None:
        """Both lips and what shows between them, over the region."""
        step, box, cells = self._grid.step, self._mouth.box, self._cells
        upper, lower, head = (fine_part(field, cells, step) for field in (upper, lower, head))
        jaw = self._jaw_shift(amounts)
        over, under = self._mouth.maps(upper), self._mouth.maps(lower)
        corner = np.array([box.x, box.y], np.float32)
        depth = _read_part(self._edges[0], over, corner)
        above = np.clip(0.5 - depth, 0, 1)
        below = np.minimum(np.clip(0.5 + _read_part(self._edges[1], under, corner), 0, 1), 1 - above)
        between = (1 - above - below) * _read_part(self._edges[2], over, corner)
        below = 1 - above - between
        shade = 1.0 if self._interior.own else 0.62 + 0.38 * smoothstep(depth, 0.0, 0.05 * self._frame.unit)
        inside = self._inside(head - jaw, head, shade)
        layers = (
            (read(self.source.y, over), above),
            (read(self.source.y, under), below),
            (inside[0], between),
        )
        self._target.y[box.slices] = _sum(layers)
        over, under = self._mouth.half_maps(upper), self._mouth.half_maps(lower)
        half = [
            cv2.resize(share, (box.width // 2, box.height // 2), interpolation=cv2.INTER_AREA)
            for share in (above, below, between)
        ]
        for name, drawn in (("u", inside[1]), ("v", inside[2])):
            plane = getattr(self.source, name)
            getattr(self._target, name)[box.half.slices] = _sum(
                ((read(plane, over), half[0]), (read(plane, under), half[1]), (drawn, half[2]))
            )

    def _jaw_shift(self, amounts: Array) -> Array:
        """How far the lower teeth have moved, pixels."""
        by_kind = dict(zip(KINDS, amounts, strict=True))
        return np.asarray((by_kind["jaw"] + 0.6 * by_kind["lower"]) * self._frame.drop, np.float32)

    def _inside(self, jaw: Array, skull: Array, shade: Array | float) -> list[Array]:
        """The interior's planes over the mouth's box, float32."""
        box = self._mouth.box
        corner = np.array([box.x, box.y], np.float32)
        planes = []
        low, high = self._interior.jaw, self._interior.skull
        places = [(self._mouth.maps(jaw), self._mouth.maps(skull), corner, high.alpha, "y")]
        half = (self._mouth.half_maps(jaw), self._mouth.half_maps(skull), corner / 2, high.half_alpha)
        places += [(*half, "u"), (*half, "v")]
        for jaw_at, skull_at, origin, alpha, name in places:
            under = _read_part(getattr(low.planes, name), jaw_at, origin)
            over = _read_part(getattr(high.planes, name), skull_at, origin)
            share = _read_part(alpha, skull_at, origin)
            planes.append(under + share * (over - under))
        planes[0] = 16 + (planes[0] - 16) * shade
        return planes

    def _head_at(self, head: Array, box: Box) -> Array:
        """The head's movement at every pixel of a box."""
        y, x = np.mgrid[box.y : box.y + box.height, box.x : box.x + box.width].astype(np.float32)
        return self._grid.sample(head, np.stack([x, y], axis=-1))


def _mouth_cells(frame: MouthFrame, grid: Grid) -> tuple[int, int, int, int]:
    """The cells that hold the mouth however wide it opens."""
    corners = [
        frame.centre + across * frame.half * frame.across + down * frame.unit * frame.down
        for across in (-1.4, 1.4)
        for down in (-0.16, 0.30)
    ]
    margin = 2.0 * grid.step
    return grid.cells(np.min(corners, axis=0) - margin, np.max(corners, axis=0) + margin)


def _edge_maps(frame: MouthFrame, lips: Lips, box: Box) -> tuple[Array, Array, Array]:
    """Over the mouth's box at rest: how far below the upper and the lower lip's inner edge, in units of the
    fade between lips and mouth; and 1 between the corners, 0 beyond, where nothing may show."""
    y, x = np.mgrid[box.y : box.y + box.height, box.x : box.x + box.width]
    u, v = frame.local(np.stack([x, y], axis=-1).astype(np.float32))
    soft = max(1.0, 0.014 * frame.unit)  # lips fade into the mouth over about a pixel at 480p
    inside = 1 - smoothstep(np.abs(u), 0.93, 1.0)
    upper, lower = lips.below_upper(u, v) / soft, lips.below_lower(u, v) / soft
    return upper.astype(np.float32), lower.astype(np.float32), inside.astype(np.float32)


def _read_part(part: Array | None, maps: tuple[Array, Array], corner: Array) -> Array:
    """A map that covers one box only, at positions in the whole picture; float32."""
    assert part is not None  # noqa: S101
    x, y = maps[0] - corner[0], maps[1] - corner[1]
    return cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)


def _read_into(target: Planes, source: Planes, sampler: Resampler, back: Array) -> None:
    box = sampler.box
    target.y[box.slices] = read(source.y, sampler.maps(back))
    half = sampler.half_maps(back)
    target.u[box.half.slices] = read(source.u, half)
    target.v[box.half.slices] = read(source.v, half)


def _sum(layers: tuple[tuple[Array, Array], ...]) -> Array:
    total = sum(plane * share for plane, share in layers)
    return np.rint(np.clip(total, 0, 255)).astype(np.uint8)


def _mask_planes(mask: Array) -> tuple[Array, Array]:
    height, width = mask.shape
    half = cv2.resize(mask, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return mask.astype(np.float32) / 255, half.astype(np.float32) / 255


def _masked(source: Planes, drawn: Planes, mask: tuple[Array, Array]) -> Planes:
    """White of the mask moves; black is exactly the source."""
    return Planes(
        *(
            _sum(((new, share), (old, 1 - share)))
            for old, new, share in zip(
                (source.y, source.u, source.v),
                (drawn.y, drawn.u, drawn.v),
                (mask[0], mask[1], mask[1]),
                strict=True,
            )
        )
    )
