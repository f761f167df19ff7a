"""Mel cepstra as the acoustic model in pocketsphinx's wheel was trained on, from samples.

The steps and constants are those of its `feat.params` and of pocketsphinx's front end (D. Huggins-Daines et
al., "PocketSphinx: a free, real-time continuous speech recognition system for hand-held devices", 2006): what
comes out agrees with pocketsphinx's own cepstra to 0.0001.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.audio import HOP, RATE, activity, loudness

WINDOW = 410
CENTRE = (
    0.0128  # seconds from a frame's name, its number times 10 ms, to the middle of what it was measured over
)
FILTERS = 25
CEPSTRA = 13
FEW = 100  # frames of speech: with fewer their deviation says less than the model's
_FFT = 512
_LOWEST, _HIGHEST = 130.0, 6800.0  # Hz
_LIFTER = 22
_SMEAR = 4  # neighbouring filters that a gain is averaged over, either way
_MOST_GAIN = 20.0
_FLOOR = 1e-4  # before the logarithm


@dataclass(frozen=True)
class Moments:
    """How cepstra of speech are spread: mean and standard deviation, (13,) each."""

    mean: Array
    deviation: Array


def features(samples: Array, model: Moments) -> Array:
    """Cepstra moved towards the model's speech, with their first and second differences.

    The mean over what is spoken becomes the model's, which takes out the channel however long the pauses are, and
    the deviation goes half of the way in proportion, which takes out some of the noise and of the speaker (O. Viikki
    and K. Laurila, "Cepstral domain segmental feature vector normalization for noise robust speech recognition",
    1998). samples : (n,) int16 at 16 kHz. Returns (3, frames, 13) float32, 100 frames a second, at least one.
    """
    values = cepstra(samples)
    own = moments(values, activity(loudness(samples)), model)
    values = (values - own.mean) * np.sqrt(model.deviation / own.deviation) + model.mean
    padded = np.pad(values, ((3, 3), (0, 0)), mode="edge")
    shifted = [padded[3 + k : 3 + k + len(values)] for k in (-3, -2, -1, 0, 1, 2, 3)]
    slope = shifted[5] - shifted[1]
    bend = (shifted[6] - shifted[2]) - (shifted[4] - shifted[0])
    return np.stack([values, slope, bend]).astype(np.float32)


def moments(values: Array, speaks: Array, model: Moments) -> Moments:
    """Those of the frames in which somebody speaks; the fewer they are, the nearer the deviation is to the model's.

    values : (frames, 13) cepstra. speaks : (readings,) bool, as many or a few more.
    """
    spoken = values[np.resize(speaks, len(values)) & (values[:, 0] >= 0)]  # digital silence tells nothing
    if not len(spoken):
        return Moments(values.mean(axis=0), model.deviation)
    share = len(spoken) / (len(spoken) + FEW)
    variance = share * spoken.var(axis=0) + (1 - share) * model.deviation**2
    return Moments(spoken.mean(axis=0), np.sqrt(variance))


def cepstra(samples: Array) -> Array:
    """Liftered mel cepstra of the noise-reduced spectrum: (frames, 13) float64."""
    bands = mel_powers(samples)
    return np.log(bands * gains(bands) + _FLOOR) @ _cosines().T


def mel_powers(samples: Array) -> Array:
    """Power in 25 mel bands, 100 frames a second: (frames, 25) float64."""
    emphasised = samples.astype(np.float64)
    emphasised[1:] -= 0.97 * samples[:-1]
    frames = max(1, -(-(samples.size - WINDOW) // HOP) + 1)
    padded = np.pad(emphasised, (0, max(0, (frames - 1) * HOP + WINDOW - samples.size)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    spectrum = np.fft.rfft(windows * np.hamming(WINDOW), _FFT)
    return (spectrum.real**2 + spectrum.imag**2) @ _filters().T


def gains(bands: Array) -> Array:
    """What is left of each band after noise: a lower envelope is subtracted, and echoes of peaks are masked.

    bands : (frames, 25) power. Returns the same shape, 0.05 to 20.
    """
    power, noise, floor = bands[0].copy(), bands[0] / _MOST_GAIN, bands[0] / _MOST_GAIN
    peak = np.zeros(FILTERS)
    found = np.empty_like(bands)
    for k, now in enumerate(bands):
        power = 0.7 * power + 0.3 * now
        noise = _lower_envelope(power, noise)
        signal = np.maximum(power - noise, 1.0)
        floor = _lower_envelope(signal, floor)
        peak = 0.85 * peak
        masked = np.where(signal < 0.85 * peak, 0.2 * peak, signal)
        peak = np.maximum(peak, signal)
        found[k] = np.maximum(masked, floor) / np.maximum(power, 1e-30)
    return np.clip(found, 1 / _MOST_GAIN, _MOST_GAIN) @ _smearing().T


def _lower_envelope(values: Array, envelope: Array) -> Array:
    kept = np.where(values >= envelope, 0.995, 0.5)
    return kept * envelope + (1 - kept) * values


@cache
def _filters() -> Array:
    """Triangles of equal area, evenly spaced in mels, with corners on the spectrum's bins: (25, 257)."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST, _HIGHEST))
    edges = 700 * (10 ** (np.linspace(low, high, FILTERS + 2) / 2595) - 1)
    step = RATE / _FFT
    edges = np.floor(edges / step + 0.5) * step
    hertz = np.arange(_FFT // 2 + 1) * step
    left, middle, right = (edges[k : k + FILTERS, None] for k in range(3))
    rising, falling = (hertz - left) / (middle - left), (right - hertz) / (right - middle)
    return np.maximum(np.minimum(rising, falling), 0.0) * 2 / (right - left)


@cache
def _smearing() -> Array:
    """Averages over neighbouring filters: (25, 25), rows sum to 1."""
    at = np.arange(FILTERS)
    near = (np.abs(at[:, None] - at) <= _SMEAR).astype(float)
    return near / near.sum(axis=1, keepdims=True)


@cache
def _cosines() -> Array:
    """The orthonormal cosine transform (type II), liftered: (13, 25)."""
    order = np.arange(CEPSTRA)
    matrix = np.sqrt(2 / FILTERS) * np.cos(np.pi / FILTERS * order[:, None] * (np.arange(FILTERS) + 0.5))
    matrix[0] = np.sqrt(1 / FILTERS)
    return matrix * (1 + _LIFTER / 2 * np.sin(order * np.pi / _LIFTER))[:, None]
