"""The judges, judged: on motion made here, whose right score is known."""

import numpy as np
import pytest

from jobs.engine import metrics
from jobs.engine.audio import Phone

FPS = 25.0


@pytest.fixture
def phones() -> list[Phone]:
    """20 s of consonants and vowels with lengths that do not repeat, and pauses."""
    rng = np.random.default_rng(4)
    names = ["P", "AA", "T", "IY", "M", "AE", "S", "OW", "B", "EH", "N", "UW", "SIL"]
    phones, at = [], 0.0
    while at < 20.0:
        name = names[rng.integers(len(names))]
        length = float(rng.uniform(0.3, 0.5) if name == "SIL" else rng.uniform(0.06, 0.16))
        phones.append(Phone(name, at, at + length))
        at += length
    return phones


@pytest.fixture
def wanted(phones: list[Phone]) -> np.ndarray:
    return metrics.truth(phones, int(phones[-1].end * FPS), FPS)


def test_perfect_mouth_scores_one_at_lag_nothing(phones, wanted):
    assert metrics.sync(0.02 + 0.08 * wanted, wanted) == metrics.Sync(pytest.approx(1.0), 0)
    assert metrics.opening_range(0.08 * wanted) > 0.04


@pytest.mark.parametrize("late", [-5, -1, 1, 5])
def test_lag_is_found_with_its_sign(wanted, late):
    assert metrics.sync(np.roll(wanted, late), wanted).lag == late


def test_controls_fail(phones, wanted):
    good = 0.02 + 0.08 * wanted
    right = metrics.closures(good, phones, FPS)
    assert right.j > 0.3
    controls = metrics.controls(good, FPS)
    for name in ("reversed", "frozen", "flapping"):
        assert metrics.sync(controls[name], wanted).r < 0.5, name
    assert metrics.sync(controls["shifted"], wanted).lag == 5
    for name, motion in controls.items():
        assert metrics.closures(motion, phones, FPS).j < right.j - 0.2, name


def test_mouth_that_never_opens_hits_every_closure_and_scores_nothing(phones, wanted):
    shut = metrics.closures(np.full(wanted.size, 0.01), phones, FPS)
    assert all(shut.hits)
    assert shut.j == 0.0


def test_false_openings_counts_open_frames_of_long_pauses():
    phones = [
        Phone("AA", 0, 1),
        Phone("SIL", 1, 2),
        Phone("AA", 2, 3),
        Phone("SIL", 3, 3.2),
        Phone("AA", 3.2, 4),
    ]
    values = np.where(np.arange(100) % 50 < 25, 0.1, 0.01)
    assert metrics.false_openings(values, phones, FPS) == (0, 21)
    values[30:35] = 0.1
    assert metrics.false_openings(values, phones, FPS) == (5, 21)


def test_stress_and_kinds_of_silence_do_not_matter():
    assert [metrics.plain(name) for name in ("AA1", "aa0", "sp", "", "pau", "P")] == [
        "AA",
        "AA",
        "SIL",
        "SIL",
        "SIL",
        "P",
    ]


def test_interval_holds_the_mean():
    low, high = metrics.interval([0.7, 0.8, 0.75, 0.9, 0.85])
    assert 0.7 < low < 0.8 < high < 0.9


def test_pictures_without_a_face_are_an_error():
    with pytest.raises(ValueError, match="face"):
        metrics.aperture([np.zeros((120, 120, 3), np.uint8)] * 2)
