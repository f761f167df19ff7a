"""Life beside the mouth: small seeded head movement and blinks, one row a frame."""

from dataclasses import dataclass

import numpy as np

from jobs.engine.arrays import Array, smoothstep
from jobs.engine.visemes import FPS

DEGREES = {"yaw": 2.2, "pitch": 1.5, "roll": 1.0}
SHIFT = 0.010  # of the face's width
_BLINK = np.array([0.35, 0.9, 1.0, 0.8, 0.45, 0.15])  # closing takes 80 ms, opening 160 ms


@dataclass(frozen=True)
class Performance:
    """Motion of a clip. head : (frames, 5) float32 of yaw, pitch, roll in radians, shifts right and down in
    face widths; blink : (frames,) float32, 0 open to 1 shut."""

    head: Array
    blink: Array


def perform(loud: Array, seed: int, *, head: float = 1.0, blinks: float = 1.0) -> Performance:
    """Movement for a clip, the same for the same seed.

    loud : (frames,) 0..1, how loud the speech is; a head nods a little with it. head : 0 still, 1 usual.
    blinks : how many against the usual, 0 none.
    """
    frames = loud.size
    return Performance(
        _head(loud, np.random.default_rng([seed, 1])) * np.float32(head), _blinks(frames, seed, blinks)
    )


def _head(loud: Array, rng: np.random.Generator) -> Array:
    seconds = np.arange(loud.size) / FPS
    scale = [
        np.radians(DEGREES["yaw"]),
        np.radians(DEGREES["pitch"]),
        np.radians(DEGREES["roll"]),
        SHIFT,
        0.6 * SHIFT,
    ]
    head = np.stack([_wander(seconds, rng) * size for size in scale], axis=1)
    kernel = np.hanning(15)[1:-1]
    phrase = np.convolve(loud, kernel / kernel.sum(), mode="same") if loud.size > 15 else np.zeros(loud.size)
    head[:, 1] += np.radians(0.9) * (phrase - phrase.mean())
    head[:, 4] += 0.004 * (phrase - phrase.mean())
    # The first frame is the picture as it was given.
    return (head * smoothstep(seconds, 0.0, 1.2)[:, None]).astype(np.float32)


def _wander(seconds: Array, rng: np.random.Generator) -> Array:
    """A smooth path within about -1..1: four slow waves whose periods share no multiple."""
    total = np.zeros(seconds.size)
    for period, size in ((7.3, 0.5), (4.7, 0.4), (2.9, 0.25), (1.7, 0.1)):
        period *= rng.uniform(0.85, 1.15)
        total += size * np.sin(2 * np.pi * (seconds / period + rng.uniform()))
    return total


def _blinks(frames: int, seed: int, rate: float) -> Array:
    """Blinks 1.6 to 5.5 s apart, now and then two together."""
    blink = np.zeros(frames, np.float32)
    if rate <= 0:
        return blink
    rng = np.random.default_rng([seed, 2])
    at = rng.uniform(0.8, 2.5)
    while (first := int(at * FPS)) < frames:
        part = _BLINK[: frames - first]
        blink[first : first + part.size] = np.maximum(blink[first : first + part.size], part)
        at += 0.36 if rng.uniform() < 0.08 else rng.uniform(1.6, 5.5) / rate
    return blink
