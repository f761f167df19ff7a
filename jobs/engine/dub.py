"""Drawing another speech into the mouth of a frame.

For every point that carries the motion it is known where it lies in the frame and where it shall lie: at the
face's rest, moved by what is said. Thin-plate splines (`warp.py`) spread the difference over a coarse grid
around mouth and jaw, already as the way to look back: the source's own speech goes and the new one comes in one
displacement. The lips are two layers, over an interior that lies in the face's axes.
"""

import cv2
import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array, smoothstep
from jobs.engine.controls import Controls
from jobs.engine.inside import Inside
from jobs.engine.landmarks import Face
from jobs.engine.lipwork import NOTHING, mouth_cells
from jobs.engine.mouth import KINDS, Lips, MouthFrame, Style, amounts, outlined
from jobs.engine.picture import Planes
from jobs.engine.speaker import Speaker
from jobs.engine.steady import Steady
from jobs.engine.texture import blend, positions, remap
from jobs.engine.visemes import MouthTrack
from jobs.engine.warp import Box, Grid, fine, fine_part, spread, window

COLUMNS = 26
# Eye distances from the mouth's middle in which the displacement ends: to both sides, above and below.
REACH, ABOVE, BELOW = (0.68, 0.90), (0.42, 0.62), (0.92, 1.18)
BAND = 0.24  # eye distances above and below the seam in which the two layers pass into each other
SEAM = 0.3  # of the light, that the seam of lips takes away which were apart in the source
FINE = 512  # places along a lip's edge
MARGIN = 0.010  # eye distances at a lip's edge that are left out where the source's mouth is open
HIDDEN = 0.02  # of an opening: nothing shows between the lips
BLENDED = 0.3  # of a weight: below it the picture is blended with the source as well as less moved


class Dubber:
    """Draws the frames of a clip in order. mask : (height, width) uint8, 255 moves."""

    def __init__(self, style: Style, mask: Array | None = None) -> None:
        self._style, self._mask = style, mask
        self._inside: tuple[Speaker, Inside] | None = None

    def draw(self, planes: Planes, steady: Steady, track: MouthTrack, k: int) -> None:
        """Draw row k of the track into a frame. steady.weight > 0."""
        speaker = steady.speaker
        if self._inside is None or self._inside[0] is not speaker:
            self._inside = speaker, Inside(speaker, steady, planes)
        inside = self._inside[1]
        inside.learn(planes, steady, hidden=track.opening[k] < HIDDEN)
        wanted = amounts(track, k, speaker.frame, self._style, parted=True)
        layers, mouth = _moved(steady, wanted)
        frame = MouthFrame.of(mouth)
        picture = _Picture(planes, frame, outlined(mouth, frame), layers, _parted(steady.points, frame))
        jaw = float(wanted[KINDS.index("jaw")] + 0.6 * wanted[KINDS.index("lower")])
        picture.paint(inside, steady, jaw)
        picture.put(planes, steady.weight, self._mask)


def _moved(steady: Steady, wanted: Array) -> tuple[list[tuple[Array, Array]], Face]:
    """For each layer where its points shall lie and from where they come, (n, 2) pixels each; and the mouth as it
    shall be."""
    speaker, pose = steady.speaker, steady.pose
    own = pose.into(steady.points)
    held = speaker.held[:, None]
    away = (held * steady.rest + (1 - held) * speaker.shut(own) - own) * steady.weight
    target = steady.points.copy()
    unit = pose.scale * speaker.frame.unit
    sources = _inset(steady.points, unit)
    layers = []
    for controls in speaker.layers:
        moves = away[controls.index] * _share(controls)
        moves[:, :2] += steady.weight * np.tensordot(controls.values, wanted, axes=(1, 0))
        beyond = pose.scale * controls.beyond @ pose.turn[:2, :2].T
        shift = pose.scale * moves @ pose.turn[:2].T
        at = steady.points[controls.index, :2] + shift + beyond
        target[controls.index[controls.on], :2] = at[controls.on]
        layers.append((at, sources[controls.index, :2] + beyond))
    return layers, Face.of(target)


def _parted(points: Array, frame: MouthFrame) -> float:
    """0 where the source's lips meet, and show their own seam, to 1 where they are apart."""
    gap = np.hypot(*(points[14, :2] - points[13, :2])) / frame.unit
    return float(smoothstep(np.array(gap), 0.015, 0.05))


def _share(controls: Controls) -> Array:
    """(n, 1): how far a point follows its landmark back to rest; the throat's less than the chin above them."""
    jaw = np.hypot(*controls.values[:, KINDS.index("jaw")].T)
    return np.where(controls.on, 1.0, jaw / 0.75)[:, None]


def _inset(points: Array, unit: float) -> Array:
    """The landmarks with the lips' inner edges moved into the lips where they are apart, so that no line of the
    source's teeth or dark is drawn with them."""
    points = points.copy()
    upper, lower = list(lm.LIP_UPPER_INNER[1:-1]), list(lm.LIP_LOWER_INNER[1:-1])
    gap = points[lower, :2] - points[upper, :2]
    size = np.hypot(*gap.T)[:, None]
    into = np.minimum(MARGIN * unit, 0.3 * size) * gap / np.maximum(size, 1e-6)
    points[upper, :2] -= into
    points[lower, :2] += into
    return points


class _Picture:
    """The part of one frame that is drawn anew."""

    def __init__(
        self,
        planes: Planes,
        frame: MouthFrame,
        lips: Lips,
        layers: list[tuple[Array, Array]],
        parted: float,
    ) -> None:
        self._planes, self._frame, self._lips, self._parted = planes, frame, lips, parted
        self._grid = grid = _grid(frame, planes.shape)
        self._layers, under = self._fields(layers)
        box = grid.box
        self._reach = _grown(box.half, planes.u.shape, int(0.2 * frame.unit))
        self._colours = np.dstack([planes.u[self._reach.slices], planes.v[self._reach.slices]])
        back = np.where(under, self._layers[1], self._layers[0])
        self._luma = remap(planes.y, fine(back, grid.step) + positions(box), cv2.INTER_CUBIC)
        half = fine(0.5 * back, grid.step // 2) + positions(box.half)
        self._chroma = self._colour(half)

    def _fields(self, layers: list[tuple[Array, Array]]) -> tuple[list[Array], Array]:
        """Displacements to look back by, (rows, columns, 2) for each layer, and where the lower one holds.

        Beside the corners there is one skin: the layers pass into each other over a band, and only there both are
        worth computing.
        """
        grid, frame = self._grid, self._frame
        nodes = grid.nodes()
        u, v = frame.local(nodes)
        below = self._lips.below_upper(u, v)
        band = BAND * frame.unit
        fields = [np.zeros((*grid.shape, 2), np.float32) for _ in layers]
        for field, (at, source), needed in zip(fields, layers, (below < band, below > -band), strict=True):
            field[needed] = spread(at, source - at, nodes[needed])
        fields[0][below >= band], fields[1][below <= -band] = (
            fields[1][below >= band],
            fields[0][below <= -band],
        )
        beside = smoothstep(np.abs(u), 0.98, 1.25)[..., None]
        passing = fields[0] + smoothstep(below, -band, band)[..., None] * (fields[1] - fields[0])
        fade = window(grid, self._planes.shape, 0.12 * frame.unit) * _near(frame, u, v)[..., None]
        both = [((1 - beside) * field + beside * passing) * fade for field in fields]
        return [np.ascontiguousarray(field, np.float32) for field in both], (below > 0)[..., None]

    def _colour(self, at: Array) -> Array:
        """Both chroma planes, (h, w, 2), at positions of the half-size planes."""
        corner = np.array([self._reach.x, self._reach.y], np.float32)
        return remap(self._colours, at - corner)

    def paint(self, inside: Inside, steady: Steady, jaw: float) -> None:
        """Lips and what lies between them, where the two layers part."""
        frame, grid, planes = self._frame, self._grid, self._planes
        cells = self._parting()
        box = grid.box_of(cells)
        shares, depth, line = self._shares(box)
        where, half = positions(box), positions(box.half)
        luma = [
            remap(planes.y, fine_part(one, cells, grid.step) + where, cv2.INTER_CUBIC) for one in self._layers
        ]
        step = grid.step // 2
        chroma = [self._colour(fine_part(0.5 * one, cells, step) + half) for one in self._layers]
        if shares[2].max() > NOTHING:
            deep, tint = inside.shown(steady.pose, steady.rest, jaw, box)
            shade = 0.75 + 0.25 * smoothstep(depth, 0.0, 0.05 * frame.unit)
            luma.append(16 + (deep - 16) * shade)
            chroma.append(tint)
        small = [
            cv2.resize(s, (box.width // 2, box.height // 2), interpolation=cv2.INTER_AREA) for s in shares
        ]
        y, x = box.y - grid.box.y, box.x - grid.box.x
        self._luma[y : y + box.height, x : x + box.width] = blend(luma, [share * line for share in shares])
        y, x = y // 2, x // 2
        self._chroma[y : y + box.height // 2, x : x + box.width // 2] = blend(
            chroma, [share[..., None] for share in small]
        )

    def _parting(self) -> tuple[int, int, int, int]:
        """The cells near which the two layers part."""
        inside = np.abs(self._lips.at) < 1.3
        down = float(self._lips.upper[inside].min()), float(self._lips.lower[inside].max())
        return mouth_cells(self._frame, self._grid, across=1.3, down=down, margin=1.5)

    def put(self, planes: Planes, weight: float, mask: Array | None) -> None:
        """Lay it into the frame: blended near a weight of 0, and by the mask."""
        box, half = self._grid.box, self._grid.box.half
        share = float(smoothstep(np.array(weight), 0.0, BLENDED))
        whole = None if mask is None else mask[box.slices]
        u, v = self._chroma[..., 0], self._chroma[..., 1]
        for plane, new, part in ((planes.y, self._luma, box), (planes.u, u, half), (planes.v, v, half)):
            if share < 1 or whole is not None:
                moves = np.full((part.height, part.width), share, np.float32)
                if whole is not None:
                    small = cv2.resize(whole, (part.width, part.height), interpolation=cv2.INTER_AREA)
                    moves *= small.astype(np.float32) / 255
                old = plane[part.slices]
                new = cv2.blendLinear(np.ascontiguousarray(new), np.ascontiguousarray(old), moves, 1 - moves)
            plane[part.slices] = new

    def _shares(self, box: Box) -> tuple[list[Array], Array, Array]:
        """How much each pixel shows of the upper lip, the lower and what is between; its depth below the upper lip's
        edge, pixels; and the light that the seam leaves it."""
        frame, lips = self._frame, self._lips
        u, v = _local(frame, box)
        soft = max(1.0, 0.014 * frame.unit)  # lips fade into the mouth over about a pixel at 480p
        fine_at = np.linspace(lips.at[0], lips.at[-1], FINE)
        place = np.clip((u - lips.at[0]) * ((FINE - 1) / (lips.at[-1] - lips.at[0])), 0, FINE - 1).astype(
            np.intp
        )
        upper, lower = (
            np.interp(fine_at, lips.at, edge).astype(np.float32).take(place)
            for edge in (lips.upper, lips.lower)
        )
        depth = v - upper
        above = np.clip(0.5 - depth / soft, 0, 1)
        below = np.minimum(np.clip(0.5 + (v - lower) / soft, 0, 1), 1 - above)
        between = (1 - above - below) * (1 - smoothstep(np.abs(u), 0.93, 1.0))
        line = np.exp(-((depth / np.float32(0.008 * frame.unit)) ** 2)) * (
            1 - smoothstep(np.abs(u), 0.75, 0.95)
        )
        return [above, 1 - above - between, between], depth, 1 - np.float32(SEAM * self._parted) * line


def _local(frame: MouthFrame, box: Box) -> tuple[Array, Array]:
    """`MouthFrame.local` of every pixel of a box, (height, width) float32."""
    x = np.arange(box.x, box.x + box.width) - frame.centre[0]
    y = (np.arange(box.y, box.y + box.height) - frame.centre[1])[:, None]
    axes = ((frame.across, frame.half), (frame.down, 1.0))
    u, v = (
        (x * (axis[0] / size)).astype(np.float32) + (y * (axis[1] / size)).astype(np.float32)
        for axis, size in axes
    )
    return u, v


def _grid(frame: MouthFrame, shape: tuple[int, int]) -> Grid:
    """Over mouth, jaw and some of the throat."""
    corners = [
        frame.centre + frame.unit * (side * frame.across + low * frame.down)
        for side in (-REACH[1], REACH[1])
        for low in (-ABOVE[1], BELOW[1])
    ]
    return Grid.over(np.min(corners, axis=0), np.max(corners, axis=0), shape, COLUMNS)


def _grown(box: Box, shape: tuple[int, ...], margin: int) -> Box:
    """A box with a margin around it, within a plane of shape (height, width)."""
    x, y = max(0, box.x - margin), max(0, box.y - margin)
    right, low = min(shape[1], box.x + box.width + margin), min(shape[0], box.y + box.height + margin)
    return Box(x, y, right - x, low - y)


def _near(frame: MouthFrame, u: Array, v: Array) -> Array:
    """1 on mouth and jaw, falling to 0 around them."""
    side, down = np.abs(u) * frame.half / frame.unit, v / frame.unit
    return (1 - smoothstep(side, *REACH)) * (1 - smoothstep(-down, *ABOVE)) * (1 - smoothstep(down, *BELOW))
