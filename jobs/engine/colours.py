"""From the colours that a video is tagged with to BT.709 in limited range, on planes of 4:2:0."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.matrices import LUMA, rgb_to_ycc
from jobs.engine.picture import Planes
from jobs.engine.tonemap import HLG, PQ, WIDE, tone_mapped

BT601, BT709 = 6, 1
FULL = 2  # AVCOL_RANGE_JPEG
HD_WIDTH, HD_HEIGHT = 1280, 576  # pixels


@dataclass(frozen=True)
class Colours:
    """What the numbers of a frame mean. matrix, transfer, primaries : numbers of ITU-T H.273."""

    matrix: int
    full: bool
    transfer: int
    primaries: int
    rgb: bool
    alpha: bool

    @property
    def wide(self) -> bool:
        """Whether the colours are those of BT.2020, of standard or high dynamic range."""
        said = self.primaries == WIDE or self.transfer in (PQ, HLG)
        return not self.rgb and (said or (self.matrix in (9, 10) and self.primaries != BT709))

    def to_709(self, planes: Planes) -> Planes:
        """planes : 8 bit of these colours, or 10 bit (uint16) when they are wide. Changes nothing in place."""
        if self.rgb:
            return planes  # converted with the format
        if self.wide:
            return tone_mapped(planes, self.transfer, self.full)
        return _mapped(planes, *_weights(self.matrix, self.full))


def colours_of(frame: Any) -> Colours:
    """The colours of a decoded frame.

    One that does not say is taken for limited range, and for BT.709 or BT.601 by its size, as players do.
    """
    shape = frame.format
    rgb = shape.is_rgb or shape.has_palette
    matrix = frame.colorspace
    if matrix not in LUMA:
        matrix = BT709 if frame.width >= HD_WIDTH or frame.height > HD_HEIGHT else BT601
    return Colours(
        matrix=matrix,
        full=frame.color_range == FULL or shape.name.startswith("yuvj"),
        transfer=frame.color_trc,
        primaries=frame.color_primaries,
        rgb=rgb,
        alpha=any(component.is_alpha for component in shape.components) and not shape.has_palette,
    )


@lru_cache(maxsize=16)
def _weights(matrix: int, full: bool) -> tuple[Array, float]:
    """(3, 3) weights between Y'CbCr in 8 bits, and the number that stands for black in the source."""
    between = rgb_to_ycc(BT709) @ np.linalg.inv(rgb_to_ycc(matrix))
    source: Array = np.array([255.0, 255.0, 255.0] if full else [219.0, 224.0, 224.0])
    return between * np.array([219.0, 224.0, 224.0])[:, None] / source, 0.0 if full else 16.0


def _mapped(planes: Planes, weights: Array, black: float) -> Planes:
    if np.allclose(weights, np.eye(3)):
        return planes
    u, v = (_mixed(planes, *row) for row in weights[1:, 1:])
    # Grey stays grey whatever the matrix, so chroma does not depend on luma; luma does on chroma.
    levels = (np.arange(256) - black) * weights[0, 0] + 16
    tint = None
    if np.any(np.abs(weights[0, 1:]) > 1e-9):
        height, width = planes.shape
        tint = cv2.addWeighted(
            planes.u, weights[0, 1], planes.v, weights[0, 2], -128 * weights[0, 1:].sum(), dtype=cv2.CV_32F
        )
        tint = cv2.resize(tint, (width, height), interpolation=cv2.INTER_LINEAR)
    if tint is None:
        return Planes(cv2.LUT(planes.y, np.clip(np.rint(levels), 0, 255).astype(np.uint8)), u, v)
    return Planes(cv2.add(cv2.LUT(planes.y, levels.astype(np.float32)), tint, dtype=cv2.CV_8U), u, v)


def _mixed(planes: Planes, of_u: float, of_v: float) -> Array:
    return cv2.addWeighted(planes.u, of_u, planes.v, of_v, 128 * (1 - of_u - of_v))


def on_white(planes: Planes, alpha: Array) -> Planes:
    """Transparent parts laid on white. planes : BT.709, limited; alpha : (height, width) uint8, 255 opaque."""
    height, width = planes.shape
    opaque = alpha.astype(np.float32) / 255
    coarse = cv2.resize(opaque, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return Planes(
        _blended(planes.y, 235, opaque), _blended(planes.u, 128, coarse), _blended(planes.v, 128, coarse)
    )


def _blended(plane: Array, ground: int, opaque: Array) -> Array:
    return np.rint(ground + (plane.astype(np.float32) - ground) * opaque).astype(np.uint8)
