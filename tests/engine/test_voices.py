"""Two recordings as one sound."""

import wave
from pathlib import Path

import numpy as np
import pytest

from jobs.engine.audio import cut
from jobs.engine.voices import CEILING, Voices, limited, summed


def wav(path: Path, values: np.ndarray, *, rate: int = 16000) -> Path:
    """values : (n,) or (n, channels), -1..1."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1 if values.ndim == 1 else values.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((values * 32767).astype("<i2").tobytes())
    return path


def tone(seconds: float, hertz: float, level: float, *, rate: int = 16000) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def heard(voices: Voices) -> np.ndarray:
    return np.concatenate(list(voices.blocks()), axis=1)


def share(sound: np.ndarray, hertz: float, rate: int) -> float:
    """How strongly one channel holds a tone, as its amplitude."""
    time = np.arange(sound.size) / rate
    return float(2 * np.abs(np.mean(sound * np.exp(-2j * np.pi * hertz * time))))


def test_both_at_once_last_as_long_as_the_longer_and_neither_is_changed(tmp_path):
    long, short = tone(1.0, 200, 0.4), tone(0.5, 700, 0.3)
    paths = [wav(tmp_path / "a.wav", short), wav(tmp_path / "b.wav", long)]
    voices = Voices(paths, together=True, max_seconds=10)
    sound = heard(voices)[0]
    assert (voices.rate, voices.layout, sound.size) == (16000, "mono", 16000)
    expected = long + np.pad(short, (0, 8000))
    assert np.abs(sound - expected).max() < 4 / 32768


def test_one_after_the_other_last_as_long_as_both(tmp_path):
    first, second = tone(0.5, 200, 0.9), tone(0.25, 700, 0.9)
    paths = [wav(tmp_path / "a.wav", first), wav(tmp_path / "b.wav", second)]
    sound = heard(Voices(paths, together=False, max_seconds=10))[0]
    assert np.abs(sound - np.concatenate([first, second])).max() < 2 / 32768


def test_higher_rate_and_stereo_win(tmp_path):
    stereo = np.stack([tone(0.5, 200, 0.5, rate=44100), np.zeros(22050)], axis=1)
    paths = [wav(tmp_path / "a.wav", tone(0.5, 700, 0.3)), wav(tmp_path / "b.wav", stereo, rate=44100)]
    voices = Voices(paths, together=True, max_seconds=10)
    left, right = heard(voices)
    assert (voices.rate, voices.layout) == (44100, "stereo")
    assert share(left, 200, 44100) == pytest.approx(0.5, abs=0.02)
    assert share(right, 200, 44100) < 0.02
    assert share(right, 700, 44100) == pytest.approx(share(left, 700, 44100), abs=0.01)
    assert share(left, 700, 44100) == pytest.approx(0.3, abs=0.01)


def test_what_would_clip_is_turned_down_and_nothing_else(tmp_path):
    quiet, loud = tone(0.5, 300, 0.2), tone(0.5, 300, 0.9)
    paths = [
        wav(tmp_path / "a.wav", np.concatenate([quiet, loud, quiet, quiet])),
        wav(tmp_path / "b.wav", np.concatenate([quiet, loud, quiet, quiet])),
    ]
    sound = heard(Voices(paths, together=True, max_seconds=10))[0]
    assert np.abs(sound).max() <= CEILING + 1e-6
    assert np.abs(sound[9000:15000]).max() > 0.9  # by the gain of the loudest part, no further
    assert np.abs(sound[:7800] - 2 * quiet[:7800]).max() < 3 / 32768
    assert np.abs(sound[24000:] - 2 * quiet).max() < 3 / 32768
    # Turned down as a whole: a clipped sine would have a third harmonic.
    assert share(sound[9600:14400], 900, 16000) < 0.01


def test_limiter_holds_its_ceiling_on_noise_with_sudden_peaks():
    rng = np.random.default_rng(1)
    noise = (rng.normal(0, 0.4, (2, 16037)) * np.repeat(rng.uniform(0, 3, 131), 123)[:16037]).astype(
        np.float32
    )
    out = np.concatenate(list(limited(cut(iter([noise]), 160))), axis=1)
    assert out.shape == noise.shape
    assert np.abs(noise).max() > 1.5
    assert np.abs(out).max() <= CEILING + 1e-6


def test_sum_goes_on_with_the_longest():
    one, two = np.ones((1, 5), np.float32), np.ones((1, 3), np.float32)
    total = np.concatenate(list(summed([cut(iter([one]), 2), cut(iter([two]), 2)])), axis=1)
    assert total.tolist() == [[2, 2, 2, 1, 1]]
