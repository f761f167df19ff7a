"""What the face mesh is given to look at."""

import numpy as np
import pytest

from jobs.engine.landmarks import cut


@pytest.mark.parametrize("scale", [0.23, 0.31, 0.48, 0.8, 1.7])
def test_a_square_is_cut_out_where_it_is_and_without_aliasing(scale):
    matrix = np.array([[scale, 0, -40 * scale], [0, scale, -30 * scale]], np.float32)
    side = int(160 * scale)
    ramp = np.tile(np.linspace(0, 255, 240).astype(np.float32), (240, 1))
    wanted = (np.arange(side) / scale + 40) * 255 / 239
    assert np.abs(cut(ramp, matrix, side)[side // 2] - wanted).max() < 0.1
    stripes = np.tile(np.array([0, 255], np.uint8), (240, 120))
    if scale < 0.5:
        assert cut(stripes, matrix, side).astype(float).std() < 50  # 127 as they are
