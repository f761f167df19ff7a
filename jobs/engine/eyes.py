"""Blinks: the upper lid's skin is drawn down to the lower lid, and the lashes turn down with its edge.

The skin between lid and brow is what stretches. Lashes are taken off it once, or they would be drawn out over the
whole lid, and laid over each frame turned as far as the eye is shut. Where the brow lies low there is too little
skin, and a blink would smear the brow: such eyes do not blink.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array, smoothstep
from jobs.engine.landmarks import Face
from jobs.engine.picture import Planes
from jobs.engine.warp import Box, Resampler, read

STRETCH_LIMIT = 2.6  # times: more shows as smeared skin
BROW = 0.72  # of the brightest skin above the lid: what is darker is hair
LASHES = 0.62  # how high above the lid they are looked for, in half widths of the eye
LASH_DARK = (0.06, 0.28)  # darker than the skin by: from here something, from there surely a lash
LASH_TURN = 1.7  # they point up by 1 less so many times `shut`: below 0 down, over the lower lid
FORESHORTENED = 0.25  # of their length, that lashes show which point at the viewer
WIDE = 1.4  # half widths from the eye's middle within which lashes are


@dataclass(frozen=True)
class Eye:
    """One eye that can blink. origin, across, down : its axes; half : half its width, pixels.

    at : (n,) positions along `across`, -1..1 at the corners; upper, lower : the lids there, pixels down;
    skin : pixels above the lid that may stretch; box : all that a blink may change; bare : the picture without the
    lashes; light : (height, width) float32 over the box, the share of its light that lashes leave.
    """

    origin: Array
    across: Array
    down: Array
    half: float
    at: Array
    upper: Array
    lower: Array
    skin: float
    box: Box
    bare: Planes
    light: Array

    def local(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Along the eye, -1..1 at its corners, and pixels down, of positions in the picture."""
        away_x, away_y = x - self.origin[0], y - self.origin[1]
        u = (away_x * self.across[0] + away_y * self.across[1]) / self.half
        return u, away_x * self.down[0] + away_y * self.down[1]


def find_eyes(face: Face, source: Planes) -> list[Eye]:
    """The eyes of a face that can blink without harm: both or none, since a wink is worse."""
    sides = ((lm.LEFT_EYE, lm.LEFT_BROW), (lm.RIGHT_EYE, lm.RIGHT_BROW))
    bare = source.copy()
    eyes = [eye for lids, brow in sides if (eye := _eye(face, lids, brow, source.y, bare)) is not None]
    if len(eyes) < 2:
        return []
    for eye in eyes:
        _take_lashes(eye)
    return eyes


def _eye(
    face: Face,
    lids: tuple[tuple[int, ...], tuple[int, ...]],
    brow: tuple[int, ...],
    luma: Array,
    bare: Planes,
) -> Eye | None:
    points = face.points[:, :2]
    ends = sorted((points[lids[0][0]], points[lids[0][-1]]), key=lambda p: float(p[0]))
    span = ends[1] - ends[0]
    half = float(np.hypot(*span)) / 2
    if half < 4:
        return None
    across = span / (2 * half)
    down = np.array([-across[1], across[0]])
    origin = (ends[0] + ends[1]) / 2
    at = np.linspace(-1, 1, 33)

    def edge(indices: tuple[int, ...]) -> Array:
        away = points[list(indices)] - origin
        u, v = away @ across / half, away @ down
        order = np.argsort(u)
        return np.interp(at, u[order], v[order])

    upper, lower = edge(lids[0]), edge(lids[1])
    opening = float((lower - upper).max())
    skin = 0.8 * float((upper - edge(brow))[8:25].min())
    skin = _bright(luma, origin + np.outer(at * half, across), down, upper, skin)
    if opening < 0.12 * half or skin <= 1 or (skin + opening) / skin > STRETCH_LIMIT:
        return None  # shut already, or too little skin
    reach = half * WIDE + 4
    low = origin - np.array([reach, skin + opening + 0.1 * half + 4])
    high = origin + np.array([reach, opening + (0.3 + LASHES) * half + 4])
    x0, y0 = (max(0, int(value) // 2 * 2) for value in low)
    shape = luma.shape
    x1, y1 = min(shape[1], int(high[0]) // 2 * 2 + 2), min(shape[0], int(high[1]) // 2 * 2 + 2)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    box = Box(x0, y0, x1 - x0, y1 - y0)
    light = np.ones((box.height, box.width), np.float32)
    return Eye(origin, across, down, half, at, upper, lower, skin, box, bare, light)


def _take_lashes(eye: Eye) -> None:
    """Replace the lashes of an eye in its bare picture by skin, and keep the light they left.

    The skin under a lash is as bright as the brightest that is seen a little above and beside it.
    """
    luma = eye.bare.y[eye.box.slices]
    y, x = np.mgrid[eye.box.y : eye.box.y + eye.box.height, eye.box.x : eye.box.x + eye.box.width]
    u, v = eye.local(x, y)
    above = np.interp(u, eye.at, eye.upper) - v
    reach = min(LASHES * eye.half, 0.9 * eye.skin)
    where = smoothstep(above, -1.5, 0.5) * (1 - smoothstep(above, 0.7 * reach, reach))
    where *= 1 - smoothstep(np.abs(u), WIDE - 0.25, WIDE)
    seen = luma.astype(np.float32) - 16
    soft = max(0.6, 0.03 * eye.half)
    tall, wide = max(3, round(0.35 * eye.half)), 2 * max(1, round(0.06 * eye.half)) + 1
    skin = cv2.dilate(
        cv2.GaussianBlur(seen, (0, 0), soft), np.ones((tall, wide), np.uint8), anchor=(wide // 2, tall - 1)
    )
    skin = np.maximum(cv2.GaussianBlur(skin, (0, 0), 3 * soft), 1)
    lash = (smoothstep(1 - seen / skin, *LASH_DARK) * where).astype(np.float32)
    # Bare skin shows what it looks like: above the lid, below the brow's hair, and not a lash itself.
    shows = (above > 0) & (above < eye.skin) & (np.abs(u) < WIDE) & (lash < 0.1)
    wide_blur = max(1.5, 0.14 * eye.half)
    bare = seen + lash * (_spread(seen, shows, wide_blur) - seen)
    eye.light[:] = np.clip(seen / np.maximum(bare, 1), 0.15, 1)
    luma[:] = np.rint(bare + 16).clip(0, 255).astype(np.uint8)
    size = (eye.box.width // 2, eye.box.height // 2)
    half_lash = cv2.resize(lash, size, interpolation=cv2.INTER_AREA)
    half_shows = cv2.resize(shows.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    # The rim of the eye is red or grey though it is not dark.
    rim = cv2.resize((where * smoothstep(-above, -0.12 * eye.half, 0)).astype(np.float32), size)
    share = np.maximum(half_lash, rim)
    for plane in (eye.bare.u, eye.bare.v):
        part = plane[eye.box.half.slices]
        values = part.astype(np.float32)
        part[:] = np.rint(values + share * (_spread(values, half_shows & (rim < 0.1), wide_blur) - values))


def _spread(values: Array, known: Array, sigma: float) -> Array:
    """What the known pixels around each say: their mean under a Gaussian, over a wider one where few are near."""
    weight = known.astype(np.float32)
    near, far = (
        [cv2.GaussianBlur(plane, (0, 0), width) for plane in (values * weight, weight)]
        for width in (sigma, 4 * sigma)
    )
    return (near[0] + 0.02 * far[0]) / np.maximum(near[1] + 0.02 * far[1], 1e-6)


def _bright(luma: Array, line: Array, down: Array, upper: Array, skin: float) -> float:
    """How much of the skin above a lid lies below the brow's hair, which reaches lower than its landmarks.

    line : (n, 2) points along the eye. upper : (n,) the lid below them, pixels. Returns pixels.
    """
    if skin <= 1:
        return skin
    heights = np.linspace(0.1, 1.15, 22) * skin
    middle = slice(8, 25)
    places = line[middle] + (upper[middle] - heights[:, None])[..., None] * down
    places = places.astype(np.float32)
    rows = cv2.remap(luma, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light = np.percentile(rows, 25, axis=1)
    brightest = int(light[:16].argmax())
    dark = np.flatnonzero(light[brightest:] < BROW * light[brightest])
    return min(skin, float(heights[brightest + int(dark[0])]) - 0.1 * skin) if dark.size else skin


def blink(eye: Eye, shut: float, head: Array, target: Planes) -> None:
    """Draw one eye into `target`, `shut` 0..1.

    head : (height, width, 2) float32 of the eye's box, the displacement to look back by for the head's
    movement, pixels.
    """
    sampler = Resampler(eye.box)
    u, v = eye.local(*sampler.maps(head))
    lid = np.interp(u, eye.at, eye.upper)
    full = np.maximum(np.interp(u, eye.at, eye.lower - eye.upper, left=0.0, right=0.0), 0.0)
    drop = shut * full
    above = lid + drop - v  # pixels above the moved lid's edge
    stretched = above * eye.skin / (eye.skin + drop)
    back = np.where(above < eye.skin + drop, stretched, above - drop)
    covered = _down(eye, head, lid - back - v)
    share = smoothstep(above, -0.6, 0.6).astype(np.float32) * (np.abs(u) < WIDE)
    _mix(target.y, eye.box, read(eye.bare.y, sampler.maps(covered)), share)
    _darken(target.y[eye.box.slices], _lash_light(eye, sampler, head, (u, v, lid, above), shut))
    half_maps = sampler.half_maps(covered)
    half_share = cv2.resize(share, (eye.box.width // 2, eye.box.height // 2), interpolation=cv2.INTER_AREA)
    for name in ("u", "v"):
        _mix(getattr(target, name), eye.box.half, read(getattr(eye.bare, name), half_maps), half_share)


def _down(eye: Eye, head: Array, pixels: Array) -> Array:
    """The head's displacement with `pixels` more down the eye."""
    return (head + pixels[..., None] * eye.down.astype(np.float32)).astype(np.float32)


def _lash_light(eye: Eye, sampler: Resampler, head: Array, place: tuple[Array, ...], shut: float) -> Array:
    """The share of light that turned lashes leave. place : u, v, the lid at rest, and how far above it moved."""
    u, v, lid, above = place
    point = 1 - LASH_TURN * shut * (1 - smoothstep(np.abs(u), 0.6, WIDE - 0.1))
    point = np.where(np.abs(point) < FORESHORTENED, np.copysign(FORESHORTENED, point), point)
    height = above / point
    x, y = sampler.maps(_down(eye, head, lid - height - v))
    left = read(eye.light, (x - eye.box.x, y - eye.box.y), cv2.INTER_LINEAR)
    lash = (height > -1.5) & (height < LASHES * eye.half) & (np.abs(u) < WIDE)
    return np.where(lash, left, np.float32(1))


def _darken(part: Array, left: Array) -> None:
    part[:] = np.rint(16 + (part.astype(np.float32) - 16) * left).clip(0, 255).astype(np.uint8)


def _mix(plane: Array, box: Box, over: Array, share: Array) -> None:
    part = plane[box.slices]
    part[:] = np.rint(part + share * (over.astype(np.float32) - part)).astype(np.uint8)
