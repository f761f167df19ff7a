import numpy as np
import pytest

from jobs.engine import InputError
from jobs.engine.picture import output_size, resized, resized_mask, to_planes


@pytest.mark.parametrize(
    ("source", "resolution", "expected"),
    [
        ((1920, 1080), 480, (854, 480)),
        ((1080, 1920), 720, (720, 1280)),
        ((100, 100), 720, (720, 720)),
        ((333, 500), 480, (480, 720)),
    ],
)
def test_output_keeps_the_aspect_on_even_sides(source, resolution, expected):
    assert output_size(*source, resolution) == expected


def test_output_too_long_is_refused():
    with pytest.raises(InputError) as refused:
        output_size(1000, 100, 480)
    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        # Rec. ITU-R BT.709-6: 8-bit codes of black, white and the saturated colours
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_colours_are_bt709(rgb, yuv):
    planes = to_planes(np.full((4, 6, 3), rgb, np.uint8))
    assert (planes.y[0, 0], planes.u[0, 0], planes.v[0, 0]) == yuv
    assert planes.u.shape == (2, 3)


@pytest.mark.parametrize("size", [(480, 640), (482, 270), (6, 10)])
def test_packed_planes_lie_one_after_the_other(size):
    planes = to_planes(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    flat = planes.packed().ravel()
    assert flat.size == size[0] * size[1] * 3 // 2
    assert np.array_equal(flat[: planes.y.size], planes.y.ravel())
    assert np.array_equal(flat[-planes.v.size :], planes.v.ravel())


def test_shrinking_averages_instead_of_skipping():
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resized(stripes, 100, 100)
    assert np.abs(small.astype(int) - 127).max() <= 1


@pytest.mark.parametrize("size", [(120, 90), (480, 360), (1000, 750)])
def test_a_mask_of_any_size_leaves_black_black_and_white_white(size):
    height, width = size
    mask = np.zeros((height, width), np.uint8)
    mask[:, width // 2 :] = 255
    brought = resized_mask(mask, 360, 480)
    assert brought.shape == (480, 360)
    assert brought[:, : 180 - 1].max() == 0
    assert brought[:, 180 + 3 :].min() == 255
