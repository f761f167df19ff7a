import numpy as np
import pytest

from jobs.engine.warp import Box, Grid, Resampler, ThinPlate, fine, fine_part, invert, read, spread


@pytest.fixture
def grid() -> Grid:
    return Grid.over(np.array([40, 30]), np.array([340, 290]), (400, 400))


def test_grid_stays_inside_the_picture_on_even_pixels():
    grid = Grid.over(np.array([-30, 5]), np.array([999, 777]), (480, 640))
    box = grid.box
    assert box.x == 0
    assert box.x + box.width <= 640
    assert box.y + box.height <= 480
    assert not any(value % 2 for value in (box.x, box.y, box.width, box.height, grid.step))


def test_sampling_on_the_nodes_returns_the_field(grid):
    field = np.random.default_rng(0).normal(size=(*grid.shape, 2)).astype(np.float32)
    assert np.allclose(grid.sample(field, grid.nodes()), field, atol=1e-3)


def test_thin_plate_passes_through_its_points_and_keeps_affine_motion_affine():
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 100, (20, 2))
    values = rng.normal(size=(20, 2))
    assert np.allclose(ThinPlate(points, points, stiffness=0)(values), values, atol=1e-6)
    places = rng.uniform(0, 100, (50, 2))
    turn = np.array([[0.9, 0.2], [-0.1, 1.1]])
    assert np.allclose(ThinPlate(points, places)(points @ turn), places @ turn, atol=1e-6)


def test_inverse_undoes_a_displacement_to_a_twentieth_of_a_pixel(grid):
    nodes = grid.nodes()
    away = nodes - nodes.mean(axis=(0, 1))
    hill = np.exp(-(away**2).sum(axis=-1) / (2 * 45.0**2))
    forward = (hill[..., None] * np.array([6.0, 12.0])).astype(np.float32)
    back = invert(grid, forward, np.zeros_like(forward), rounds=12)
    returned = nodes + back + grid.sample(forward, nodes + back)
    assert np.abs(returned - nodes).max() < 0.05


def test_part_of_a_fine_field_equals_the_whole(grid):
    field = np.random.default_rng(2).normal(size=(*grid.shape, 2)).astype(np.float32)
    whole = fine(field, grid.step)
    for cells in ((0, 5, 0, 4), (3, 9, 7, 20), (grid.shape[0] - 2, grid.shape[0], 5, grid.shape[1])):
        r0, r1, c0, c1 = (value * grid.step for value in cells)
        assert np.allclose(fine_part(field, cells, grid.step), whole[r0:r1, c0:c1], atol=1e-5)


def test_resampling_moves_a_ramp_by_the_displacement_asked():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    sampler = Resampler(Box(40, 40, 80, 80))
    back = np.zeros((80, 80, 2), np.float32)
    back[..., 0] = 7.0
    moved = read(ramp, sampler.maps(back))
    assert np.array_equal(moved, np.tile(np.arange(47, 127, dtype=np.uint8), (80, 1)))
    half = read(ramp[:100, :100], sampler.half_maps(back + 1.0))
    assert half[0, 0] == 24


def test_spread_is_the_thin_plate_of_one_set_of_values():
    rng = np.random.default_rng(3)
    points, values = rng.uniform(0, 100, (40, 2)), rng.normal(size=(40, 2))
    places = rng.uniform(-20, 120, (200, 2))
    exact = ThinPlate(points, places, stiffness=2e-4)(values)
    assert np.allclose(spread(points, values, places), exact, atol=0.02)
