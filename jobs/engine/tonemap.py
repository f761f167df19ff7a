"""Colours of BT.2020, of standard or high dynamic range, brought to BT.709 by tables.

High dynamic range is shown as on a display whose white is 203 cd/m2, the level of diffuse white in both PQ and HLG
(Rec. ITU-R BT.2408): what is darker than half of that keeps its light, and what is brighter is
compressed (E. Reinhard et al., "Photographic tone reproduction", 2002, equation 4, on the largest of red, green and
blue, so that hues stay). Colours beyond BT.709 are clipped. This is a fixed curve: mastering data and dynamic
metadata such as Dolby Vision's are not looked at.
"""

from functools import lru_cache

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.matrices import rgb_to_ycc
from jobs.engine.picture import Planes

WIDE = 9  # the primaries of BT.2020, by their number in ITU-T H.273
PQ, HLG = 16, 18
WHITE = 203.0  # cd/m2
PEAK = 1000.0  # cd/m2, of the display for which HLG and most PQ is graded
KNEE = 0.5  # of white, linear light
GAMMA = 2.4  # of a standard display (Rec. ITU-R BT.1886)
# From linear BT.2020 to linear BT.709 (Rec. ITU-R BT.2087, inverted).
_TO_709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
)
_Y2020: Array = np.array([0.2627, 0.6780, 0.0593])

# The conversion is worked out at the nodes, for luma and for each chroma, and interpolated from there to the tables.
_NODES = (129, 65)
_FINE, _COARSE, _CHROMA = 512, 128, 64  # entries: of luma for luma, of luma for chroma, and of each chroma
_STEP = 1024 // _CHROMA
BAND_ROWS = 32  # of chroma at a time: what is worked out for them stays in the processor's cache


def tone_mapped(planes: Planes, transfer: int, full: bool) -> Planes:
    """planes : Y'CbCr of BT.2020, uint16 of 10 bits. transfer : its number in ITU-T H.273.

    Returns 8 bits of BT.709, limited range. Grey is exact, colours like those of skin are within two levels.
    """
    tables = _tables(transfer if transfer in (PQ, HLG) else 0, full)
    mapped = Planes(*(np.empty(plane.shape, np.uint8) for plane in (planes.y, planes.u, planes.v)))
    for top in range(0, len(planes.u), BAND_ROWS):
        rows, fine = slice(top, top + BAND_ROWS), slice(2 * top, 2 * (top + BAND_ROWS))
        band = _band(Planes(planes.y[fine], planes.u[rows], planes.v[rows]), *tables)
        mapped.y[fine], mapped.u[rows], mapped.v[rows] = band.y, band.u, band.v
    return mapped


def _band(planes: Planes, luma: Array, slopes: Array) -> Planes:
    """`tone_mapped` of some rows, by the tables."""
    height, width = planes.shape
    size = (width, height)
    low = cv2.resize(planes.y, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    blue, red = _entry(planes.u, _CHROMA), _entry(planes.v, _CHROMA)
    colour = blue * _CHROMA + red
    # Entries are too far apart for chroma, which would show in even surfaces: from each on by its slopes.
    terms = slopes[_entry(low, _COARSE) * _CHROMA**2 + colour]
    off_blue, off_red = (
        (plane - _STEP * at.astype(np.float32)) for plane, at in ((planes.u, blue), (planes.v, red))
    )
    y, u, v = (terms[..., k] + off_blue * terms[..., k + 1] + off_red * terms[..., k + 2] for k in (0, 3, 6))
    # As floats, which OpenCV can enlarge, numbers stay exact: they are far below 2 ** 24.
    at = cv2.resize(colour.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    more = cv2.resize(y, size, interpolation=cv2.INTER_NEAREST)
    coarse = luma[at + _entry(planes.y, _FINE) * _CHROMA**2]
    return Planes(cv2.add(coarse, more, dtype=cv2.CV_8U), _byte(u), _byte(v))


def _entry(plane: Array, entries: int) -> Array:
    """The entry that is nearest to each number of 10 bits: entry k stands for k * 1024 / entries, so grey has one."""
    step = 1024 // entries
    return np.minimum((plane + step // 2) // step, entries - 1).astype(np.int32)


@lru_cache(maxsize=4)
def _tables(transfer: int, full: bool) -> tuple[Array, Array]:
    """What `_band` reads, by (y, u, v) flattened.

    Luma for finely divided y, uint8. And (n, 9) float32 for coarsely divided y: three terms each for luma (0), blue's
    and red's difference: the value, and how it changes with each of the 1024 numbers of u and of v.
    """
    luma, chroma = (np.linspace(0, 1024, count) for count in _NODES)
    nodes = np.stack(np.meshgrid(luma, chroma, chroma, indexing="ij"), axis=-1)
    exact = np.moveaxis(to_709(nodes, transfer, full), -1, 0).astype(np.float32)
    slopes = np.empty((_COARSE, _CHROMA, _CHROMA, 9), np.float32)
    for index, values in enumerate(exact):
        table = _interpolated(values, _COARSE)
        slopes[..., 3 * index] = table if index else 0
        slopes[..., 3 * index + 1], slopes[..., 3 * index + 2] = np.gradient(table, _STEP, axis=(1, 2))
    return _byte(_interpolated(exact[0], _FINE)).reshape(-1), slopes.reshape(-1, 9)


def _interpolated(values: Array, luma: int) -> Array:
    """values : of the nodes. Returns (luma, _CHROMA, _CHROMA) float32."""
    across = _between(_NODES[1], _CHROMA)
    whole = _between(_NODES[0], luma) @ (across @ (values @ across.T)).reshape(_NODES[0], -1)
    return whole.reshape(luma, _CHROMA, _CHROMA)


def _between(nodes: int, entries: int) -> Array:
    """(entries, nodes) float32: weights of linear interpolation."""
    place = np.arange(entries) / entries * (nodes - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(nodes))).astype(np.float32)


def _byte(values: Array) -> Array:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def to_709(ycc: Array, transfer: int, full: bool) -> Array:
    """ycc : (..., 3) Y'CbCr of BT.2020 in numbers of 10 bits. Returns (..., 3) of BT.709, 8 bits, not rounded."""
    black, luma, chroma = (0, 1023, 1023) if full else (64, 876, 896)
    normal = (ycc - np.array([black, 512, 512])) / np.array([luma, chroma, chroma])
    coded = np.clip(normal @ np.linalg.inv(rgb_to_ycc(9)).T, 0, 1)
    light = np.clip(_light(coded, transfer) @ _TO_709.T, 0, 1)
    shown = light ** (1 / GAMMA) @ rgb_to_ycc(1).T
    return shown * np.array([219, 224, 224]) + np.array([16, 128, 128])


def _light(coded: Array, transfer: int) -> Array:
    """Linear light of a coded R'G'B', 1 for the display's white."""
    if transfer == PQ:
        return _compressed(_pq(coded) / WHITE)
    if transfer == HLG:
        scene = _hlg(coded)
        luminance = (scene @ _Y2020)[..., None]
        return _compressed(scene * luminance**0.2 * PEAK / WHITE)  # BT.2100's system gamma of 1.2
    return coded**GAMMA


def _pq(coded: Array) -> Array:
    """cd/m2 (Rec. ITU-R BT.2100, table 4)."""
    root = coded ** (1 / 78.84375)
    return 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


def _hlg(coded: Array) -> Array:
    """Light of the scene, 0 to 1 (Rec. ITU-R BT.2100, table 5)."""
    return np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - 0.55991073) / 0.17883277) + 0.28466892) / 12)


def _compressed(light: Array) -> Array:
    """The curve of this module's description: PEAK becomes white."""
    most = light.max(axis=-1, keepdims=True)
    peak = (PEAK / WHITE - KNEE) / (1 - KNEE)
    above = np.clip((most - KNEE) / (1 - KNEE), 0, peak)
    rolled = KNEE + (1 - KNEE) * above * (1 + above / peak**2) / (1 + above)
    return light * np.where(most > KNEE, rolled / np.maximum(most, 1e-9), 1)
