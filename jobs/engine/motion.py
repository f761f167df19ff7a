"""Life beside the mouth: small seeded head movement and blinks, one row a frame."""

from dataclasses import dataclass

import numpy as np

from jobs.engine.arrays import Array, smoothstep
from jobs.engine.visemes import FPS

DEGREES = {"yaw": 2.2, "pitch": 1.5, "roll": 1.0}
SHIFT = 0.010  # of the face's width
LISTENING = {"turn": 2.4, "nod": 1.7}  # degrees
NOD_SECONDS = 0.6
_BLINK = np.array([0.35, 0.9, 1.0, 0.8, 0.45, 0.15])  # closing takes 80 ms, opening 160 ms


@dataclass(frozen=True)
class Performance:
    """Motion of a clip. head : (frames, 5) float32 of yaw, pitch, roll in radians, shifts right and down in
    face widths; blink : (frames,) float32, 0 open to 1 shut."""

    head: Array
    blink: Array


def perform(
    loud: Array,
    seed: int,
    *,
    head: float = 1.0,
    blinks: float = 1.0,
    other: Array | None = None,
    side: int = 0,
) -> Performance:
    """Movement for a clip, the same for the same seed.

    loud : (frames,) 0..1, how loud the speech is; a head nods a little with it. head : 0 still, 1 usual.
    blinks : how many against the usual, 0 none. other : (frames,) 0..1, how loud somebody else in the picture
    speaks, whom this head listens to; side : 0 when they are to the right in the picture, 1 to the left.
    """
    frames = loud.size
    moves = _head(loud, np.random.default_rng([seed, 1 + 10 * side]))
    if other is not None:
        moves += _listen(loud, other, np.random.default_rng([seed, 3 + 10 * side]), side)
    # The first frame is the picture as it was given.
    moves *= smoothstep(np.arange(frames) / FPS, 0.0, 1.2)[:, None]
    return Performance((moves * head).astype(np.float32), _blinks(frames, [seed, 2 + 10 * side], blinks))


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
    phrase = _smooth(loud, 13)
    head[:, 1] += np.radians(0.9) * (phrase - phrase.mean())
    head[:, 4] += 0.004 * (phrase - phrase.mean())
    return head


def _listen(loud: Array, other: Array, rng: np.random.Generator, side: int) -> Array:
    """What a listener adds: the head turns a little towards the speaker, and nods now and then."""
    attentive = _smooth((_smooth(other, 25) > 0.15).astype(float) * (_smooth(loud, 25) < 0.1), 31)
    moves = np.zeros((loud.size, 5))
    moves[:, 0] = (1 if side else -1) * np.radians(LISTENING["turn"]) * attentive
    nod = np.sin(np.linspace(0, np.pi, round(NOD_SECONDS * FPS))) ** 2
    at = rng.uniform(1.0, 2.5)
    while (first := int(at * FPS)) < loud.size:
        size = rng.uniform(0.6, 1.0) * np.radians(LISTENING["nod"])
        part = (size * nod)[: loud.size - first]
        moves[first : first + part.size, 1] += part * attentive[first]
        at += NOD_SECONDS if rng.uniform() < 0.4 else rng.uniform(2.0, 4.5)
    return moves


def _smooth(values: Array, width: int) -> Array:
    """A moving average with soft ends over about `width` frames, odd, of (frames,) values."""
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _wander(seconds: Array, rng: np.random.Generator) -> Array:
    """A smooth path within about -1..1: four slow waves whose periods share no multiple."""
    total = np.zeros(seconds.size)
    for period, size in ((7.3, 0.5), (4.7, 0.4), (2.9, 0.25), (1.7, 0.1)):
        period *= rng.uniform(0.85, 1.15)
        total += size * np.sin(2 * np.pi * (seconds / period + rng.uniform()))
    return total


def _blinks(frames: int, seed: list[int], rate: float) -> Array:
    """Blinks 1.6 to 5.5 s apart, now and then two together."""
    blink = np.zeros(frames, np.float32)
    if rate <= 0:
        return blink
    rng = np.random.default_rng(seed)
    at = rng.uniform(0.8, 2.5)
    while (first := int(at * FPS)) < frames:
        part = _BLINK[: frames - first]
        blink[first : first + part.size] = np.maximum(blink[first : first + part.size], part)
        at += 0.36 if rng.uniform() < 0.08 else rng.uniform(1.6, 5.5) / rate
    return blink
