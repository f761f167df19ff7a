"""Two recordings as the one sound of a video: both at once, or one after the other."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.audio import cut, decoded_audio
from jobs.engine.encode import RecordedSound

CEILING = 0.98  # of full scale: AAC overshoots a little
STEP_SECONDS = 0.010  # over which the gain moves
RELEASE_SECONDS = 0.200  # to come back from silence to the full gain


class Voices:
    """Recordings at one rate and layout: the highest rate among them, stereo where one of them is.

    Both are decoded as they are asked for, so memory does not grow with their length. Raises InputError:
    audio_unreadable, too_long, too_large, unsupported_format.
    """

    def __init__(self, paths: list[Path], *, together: bool, max_seconds: float) -> None:
        """paths : in the order in which they speak. together : all at once instead."""
        sounds = [RecordedSound(path, max_seconds=max_seconds) for path in paths]
        self._layouts = {path: sound.layout for path, sound in zip(paths, sounds, strict=True)}
        self._paths, self._together, self._max_seconds = paths, together, max_seconds
        self.rate = max(sound.rate for sound in sounds)
        self.layout = "stereo" if any(sound.layout == "stereo" for sound in sounds) else "mono"

    def blocks(self) -> Iterator[Array]:
        """(channels, n) float32, -1..1."""
        if self._together and len(self._paths) > 1:
            step = round(self.rate * STEP_SECONDS)
            yield from limited(summed([cut(self._decoded(path), step) for path in self._paths]))
            return
        for path in self._paths:
            yield from self._decoded(path)

    def _decoded(self, path: Path) -> Iterator[Array]:
        own = self._layouts[path]
        blocks = decoded_audio(
            path, rate=self.rate, layout=own, sample_format="fltp", max_seconds=self._max_seconds
        )
        # Mono goes to both sides as it is: the resampler's own mix would take 3 dB off it.
        return blocks if own == self.layout else (np.repeat(block, 2, axis=0) for block in blocks)


def summed(voices: list[Iterator[Array]]) -> Iterator[Array]:
    """The sum of several streams of equal blocks, for as long as the longest. It may pass 1."""
    while parts := [part for voice in voices if (part := next(voice, None)) is not None]:
        total = np.zeros((parts[0].shape[0], max(part.shape[1] for part in parts)), np.float32)
        for part in parts:
            total[:, : part.shape[1]] += part
        yield total


def limited(blocks: Iterator[Array]) -> Iterator[Array]:
    """The same sound turned down where it would clip, and only there: a limiter that looks one block ahead.

    Each block needs a gain of `CEILING` over its peak, at most 1. Between two blocks stands the smaller of
    their needs, or less while the gain comes back from a louder place; within a block the gain is a straight
    line between its two ends, so it never passes what the block needs. What needs no turning down comes out
    as it went in.
    """
    before = next(blocks, None)
    if before is None:
        return
    need = gain = _need(before)
    for block in blocks:
        coming = _need(block)
        goal = min(need, coming, gain + STEP_SECONDS / RELEASE_SECONDS)
        yield _turned(before, gain, goal)
        before, need, gain = block, coming, goal
    yield _turned(before, gain, gain)


def _need(block: Array) -> float:
    return min(1.0, CEILING / max(float(np.abs(block).max()), CEILING))


def _turned(block: Array, first: float, last: float) -> Array:
    if first == last == 1.0:
        return block
    return block * np.linspace(first, last, block.shape[1], dtype=np.float32)
