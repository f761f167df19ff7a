"""One name for arrays in signatures; their shapes, units and ranges are in the docstrings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def smoothstep(value: Array, low: Array | float, high: Array | float) -> Array:
    """0 below `low`, 1 above `high`, a cubic with flat ends between; the shape of `value`, float."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
