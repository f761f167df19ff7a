"""The judges, judged: on motion made here, whose right score is known."""

import subprocess
import sys

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
    names = ["AA1", "aa0", "sp", "", "pau", "P", "spn"]
    assert [metrics.plain(name) for name in names] == ["AA", "AA", "SIL", "SIL", "SIL", "P", "SPN"]


def test_interval_holds_the_mean():
    low, high = metrics.interval([0.7, 0.8, 0.75, 0.9, 0.85])
    assert 0.7 < low < 0.8 < high < 0.9


def test_pictures_without_a_face_are_an_error():
    with pytest.raises(ValueError, match="face"):
        metrics.aperture([np.zeros((120, 120, 3), np.uint8)] * 2)


def test_interval_of_a_share_weighs_clips_by_their_size():
    low, high = metrics.interval_of_share([(9, 10), (0, 1), (45, 50)])
    assert 0.0 <= low < 0.885 < high <= 0.9


def test_envelope_is_loud_where_speech_is_and_quiet_spells_are_its_pauses():
    level = np.full(500, -20.0)
    level[100:200] = -70.0
    level[300:310] = -70.0  # no pause, a stop
    envelope = metrics.envelope(level, 125, FPS)
    assert envelope[5:20].min() > 0.99
    assert envelope[30:45].max() < 0.01
    spells = metrics.quiet_spells(level)
    assert [(p.start, p.end) for p in spells] == [(1.0, 2.0), (3.0, 3.1)]
    assert metrics.pauses(spells) == [(1.0, 2.0)]


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 80), np.uint8)


def test_psnr_of_a_known_error():
    one = np.full((40, 40), 100, np.uint8)
    assert metrics.psnr(one, one) == float("inf")
    assert metrics.psnr(one, one + 10) == pytest.approx(20 * np.log10(25.5))
    where = np.zeros((40, 40), bool)
    where[:, :20] = True
    other = one.copy()
    other[:, 20:] = 0
    assert metrics.psnr(one, other, where) == float("inf")


def test_ssim_is_one_for_equal_pictures_and_falls_with_what_is_lost():
    one = picture()
    assert metrics.ssim(one, one) == pytest.approx(1.0)
    assert metrics.ssim(one, picture(1)) < 0.05
    negative = metrics.ssim(one, 255 - one)
    assert negative < -0.8
    assert metrics.ssim(one, 255 - one) == pytest.approx(metrics.ssim(255 - one, one))


def test_ssim_of_flat_pictures_is_the_formula_of_their_means():
    # Without variance only the luminance term is left: (2 x y + C1) / (x^2 + y^2 + C1).
    x, y, c1 = 100.0, 120.0, (0.01 * 255) ** 2
    found = metrics.ssim(np.full((30, 30), 100, np.uint8), np.full((30, 30), 120, np.uint8))
    assert found == pytest.approx((2 * x * y + c1) / (x * x + y * y + c1), rel=1e-4)


def test_ssim_of_one_window_is_the_formula_by_hand():
    one, other = picture(2)[:41, :41], picture(3)[:41, :41]
    at = np.arange(11) - 5
    window = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    x, y = (p[15:26, 15:26].astype(float) for p in (one, other))
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
    both = (window * (x - mx) * (y - my)).sum()
    c1, c2 = 6.5025, 58.5225
    expected = (2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    middle = np.zeros((41, 41), bool)
    middle[20, 20] = True
    assert metrics.ssim(one, other, middle) == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_measuring_many_clips_takes_the_memory_of_one():
    code = """
from pathlib import Path
from jobs.engine import metrics
from jobs.engine.sources import read_picture
from tests.engine.samples import portrait

def kilobytes():
    return int(next(l.split()[1] for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS")))

pictures = [read_picture(portrait())] * 2
for _ in range(4):
    metrics.aperture(pictures)
before = kilobytes()
for _ in range(8):
    metrics.aperture(pictures)
print((kilobytes() - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    assert int(done.stdout) < 120  # eight meshes would be 240 MB
