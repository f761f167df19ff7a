"""Pictures put aside: they come back exactly, in any order, and take bounded room."""

import numpy as np
import pytest

from jobs.engine.picture import Planes
from jobs.engine.scratch import GROUP, Scratch


def noise(seed: int, height: int = 34, width: int = 50) -> Planes:
    """Every value of a byte, those beyond limited range too."""
    random = np.random.default_rng(seed)
    small = (height // 2, width // 2)
    return Planes(*(random.integers(0, 256, shape, np.uint8) for shape in ((height, width), small, small)))


def same(one: Planes, other: Planes) -> bool:
    return np.array_equal(one.packed(), other.packed())


@pytest.mark.parametrize("count", [1, GROUP - 1, GROUP, 3 * GROUP + 5])
def test_pictures_come_back_bit_for_bit(tmp_path, count):
    scratch = Scratch(tmp_path)
    for index in range(count):
        scratch.add(noise(index))

    order = [*reversed(range(count)), *range(count), *np.random.default_rng(1).permutation(count)]

    assert all(same(scratch.get(int(index)), noise(index)) for index in order)
    scratch.close()


def test_pictures_can_be_added_after_some_were_read(tmp_path):
    scratch = Scratch(tmp_path)
    for index in range(30):
        scratch.add(noise(index))
        assert same(scratch.get(index // 2), noise(index // 2))
    assert all(same(scratch.get(index), noise(index)) for index in range(30))
    scratch.close()


def test_the_oldest_pictures_go_when_there_is_no_more_room(tmp_path):
    """Noise cannot be made smaller: whatever is shown, the room is bounded."""
    most = 200_000
    scratch, used = Scratch(tmp_path, most=most), []
    for index in range(150):
        scratch.add(noise(index))
        used.append(scratch.bytes)

    assert 0.8 * most < max(used[100:]) < 1.5 * most
    assert scratch.first > 50
    assert scratch.first % GROUP == 0
    assert all(same(scratch.get(index), noise(index)) for index in range(scratch.first, 150))
    scratch.close()
