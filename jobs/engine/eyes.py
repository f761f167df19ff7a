"""Blinks: the upper lid's skin is drawn down to the lower lid.

The skin between lid and brow is what stretches. Where the brow lies low there is too little of it, and
a blink would smear the brow: such eyes do not blink.
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


@dataclass(frozen=True)
class Eye:
    """One eye that can blink. origin, across, down : its axes; half : half its width, pixels.

    at : (n,) positions along `across`, -1..1 at the corners; upper, lower : the lids there, pixels down;
    skin : pixels above the lid that may stretch; box : all that a blink may change.
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


def find_eyes(face: Face, luma: Array) -> list[Eye]:
    """The eyes of a face that can blink without harm: both or none, since a wink is worse.

    luma : (height, width) uint8.
    """
    sides = ((lm.LEFT_EYE, lm.LEFT_BROW), (lm.RIGHT_EYE, lm.RIGHT_BROW))
    eyes = [eye for lids, brow in sides if (eye := _eye(face, lids, brow, luma)) is not None]
    return eyes if len(eyes) == 2 else []


def _eye(
    face: Face, lids: tuple[tuple[int, ...], tuple[int, ...]], brow: tuple[int, ...], luma: Array
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
    reach = half * 1.25 + 4
    low = origin - np.array([reach, skin + opening + 0.1 * half + 4])
    high = origin + np.array([reach, opening + 0.3 * half + 4])
    x0, y0 = (max(0, int(value) // 2 * 2) for value in low)
    shape = luma.shape
    x1, y1 = min(shape[1], int(high[0]) // 2 * 2 + 2), min(shape[0], int(high[1]) // 2 * 2 + 2)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    return Eye(origin, across, down, half, at, upper, lower, skin, Box(x0, y0, x1 - x0, y1 - y0))


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


def blink(eye: Eye, shut: float, head: Array, source: Planes, target: Planes) -> None:
    """Draw one eye into `target`, `shut` 0..1.

    head : (height, width, 2) float32 of the eye's box, the displacement to look back by for the head's
    movement, pixels.
    """
    sampler = Resampler(eye.box)
    x, y = sampler.maps(head)
    away_x, away_y = x - eye.origin[0], y - eye.origin[1]
    u = (away_x * eye.across[0] + away_y * eye.across[1]) / eye.half
    v = away_x * eye.down[0] + away_y * eye.down[1]
    lid, drop, edge = _lid(eye, u, shut)
    above = edge - v  # pixels above the moved lid's edge
    rigid = np.float32(0.15 * eye.skin)  # lashes keep their thickness
    stretched = rigid + (above - rigid) * (eye.skin - rigid) / (eye.skin + drop - rigid)
    back = np.where(above < rigid, above, np.where(above < eye.skin + drop, stretched, above - drop))
    move = ((lid - back) - v)[..., None] * eye.down.astype(np.float32)
    share = smoothstep(above, -0.6, 0.6).astype(np.float32) * (np.abs(u) < 1.15)
    covered = (head + move).astype(np.float32)
    _mix(target.y, eye.box, read(source.y, sampler.maps(covered)), share)
    half_maps = sampler.half_maps(covered)
    half_share = cv2.resize(share, (eye.box.width // 2, eye.box.height // 2), interpolation=cv2.INTER_AREA)
    for name in ("u", "v"):
        _mix(getattr(target, name), eye.box.half, read(getattr(source, name), half_maps), half_share)


def _lid(eye: Eye, u: Array, shut: float) -> tuple[Array, Array, Array]:
    """The upper lid's line at rest, how far it moves, and where it comes to, pixels, for each u."""
    lid = np.interp(u, eye.at, eye.upper)
    drop = shut * np.maximum(np.interp(u, eye.at, eye.lower - eye.upper, left=0.0, right=0.0), 0.0)
    return lid, drop, lid + drop


def _mix(plane: Array, box: Box, over: Array, share: Array) -> None:
    part = plane[box.slices]
    part[:] = np.rint(part + share * (over.astype(np.float32) - part)).astype(np.uint8)
