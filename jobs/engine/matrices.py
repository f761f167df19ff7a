"""The matrices between red, green, blue and luma with two colour differences."""

import numpy as np

from jobs.engine.arrays import Array

# Red's and blue's shares in luma by the number of the matrix (ITU-T H.273, table 4).
LUMA = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
    10: (0.2627, 0.0593),  # BT.2020 of constant luminance, taken for the usual one
}


def rgb_to_ycc(matrix: int) -> Array:
    """(3, 3) float64: from R'G'B' of 0 to 1 to luma of 0 to 1 and colour differences of -0.5 to 0.5."""
    red, blue = LUMA[matrix]
    luma: Array = np.array([red, 1 - red - blue, blue])
    return np.stack(
        [luma, (np.array([0, 0, 1]) - luma) / (2 - 2 * blue), (np.array([1, 0, 0]) - luma) / (2 - 2 * red)]
    )
