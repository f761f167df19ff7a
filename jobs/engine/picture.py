"""The source picture at the output's size, as planes of YUV 4:2:0 in BT.709, limited range."""

from dataclasses import dataclass

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.errors import InputError

LONGEST = 4096  # pixels of the output's longer side: beyond it players and encoders give up
# Rec. ITU-R BT.709-6, table 4, scaled to 8-bit limited range.
_TO_YUV = np.array(
    [
        [0.2126 * 219 / 255, 0.7152 * 219 / 255, 0.0722 * 219 / 255],
        [-0.2126 / 1.8556 * 224 / 255, -0.7152 / 1.8556 * 224 / 255, 0.9278 / 1.8556 * 224 / 255],
        [0.7874 / 1.5748 * 224 / 255, -0.7152 / 1.5748 * 224 / 255, -0.0722 / 1.5748 * 224 / 255],
    ],
    np.float32,
)
_OFFSET = np.array([16, 128, 128], np.float32)


@dataclass
class Planes:
    """One frame. y : (height, width) uint8; u, v : (height / 2, width / 2) uint8."""

    y: Array
    u: Array
    v: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.y.shape[0]), int(self.y.shape[1])

    def copy(self) -> "Planes":
        return Planes(self.y.copy(), self.u.copy(), self.v.copy())

    def packed(self) -> Array:
        """(height * 3 / 2, width) uint8, as encoders take yuv420p."""
        height, width = self.shape
        flat = np.concatenate([self.y.ravel(), self.u.ravel(), self.v.ravel()])
        return flat.reshape(height * 3 // 2, width)


def output_size(width: int, height: int, resolution: int) -> tuple[int, int]:
    """Width and height of the output: the shorter side is `resolution`, the aspect kept, both even.

    Raises InputError `too_large` for a picture so long and thin that its longer side would pass 4096.
    """
    scale = resolution / min(width, height)
    size = tuple(max(2, round(side * scale / 2) * 2) for side in (width, height))
    if max(size) > LONGEST:
        raise InputError(
            "too_large",
            f"The picture is too long and thin ({width} x {height}): at {resolution}p its longer side would "
            f"have {max(size)} pixels, and at most {LONGEST} can be made. Crop it closer to the face.",
        )
    return size[0], size[1]


def resized(picture: Array, width: int, height: int) -> Array:
    """(h, w, 3) uint8 RGB brought to the size: area average when it shrinks, Lanczos when it grows."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] > height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return cv2.resize(picture, (width, height), interpolation=how)


def resized_mask(mask: Array, width: int, height: int) -> Array:
    """(h, w) uint8 brought to the size. What grows keeps its black black up to the edge of the last black pixel."""
    if mask.shape[0] > height:
        return cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    grown = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    nearest = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.where(nearest == 0, np.uint8(0), grown)


def to_yuv(rgb: Array) -> Array:
    """(..., 3) RGB 0..255 to (..., 3) float32 Y'CbCr, BT.709 limited range, not rounded."""
    return rgb.astype(np.float32) @ _TO_YUV.T + _OFFSET


def to_planes(picture: Array) -> Planes:
    """picture : (height, width, 3) uint8 RGB, even sizes. Chroma is the mean of each 2 x 2 block."""
    yuv = to_yuv(picture)
    height, width = picture.shape[:2]
    chroma = cv2.resize(yuv[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return Planes(_byte(yuv[..., 0]), _byte(chroma[..., 0]), _byte(chroma[..., 1]))


def _byte(values: Array) -> Array:
    return np.ascontiguousarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
