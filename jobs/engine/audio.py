"""Speech as the engine hears it: samples, loudness, where somebody speaks, and phones.

Phones come through `PhoneSource`, so that a better recogniser can be dropped in; the engine's own is in
`phones.py`. Loudness and activity are plain signal measures and hold in any language.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.contract import IsCanceled
from jobs.engine.errors import Canceled, InputError
from jobs.engine.limits import DEFAULT
from jobs.engine.sources import audio_frames, open_container, unreadable

RATE = 16000  # samples a second that analysis works on
HOP = 160  # samples between two loudness readings: 100 a second
LEVELS = RATE // HOP
SILENCE_DB = -60.0  # of full scale: a recording whose loudest 50 ms stay below this holds no speech
CHUNK_SECONDS = 10.0  # the recogniser works on pieces of about this length, cut in pauses
# ARPABET without stress, and silence: the columns of every array of probabilities.
PHONES = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "SIL", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip


@dataclass(frozen=True)
class Phone:
    """One phone: ARPABET without stress ("AA", "B", "SIL"), start and end in seconds."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Speech:
    """A recording ready for analysis.

    samples : (n,) int16 at 16 kHz, mono.
    seconds : length of the recording as decoded, which the output will have.
    level : (m,) float32, loudness in dB of full scale, 100 readings a second, 50 ms windows.
    active : (m,) bool, True where somebody speaks; short dips between words are still speech.
    """

    samples: Array
    seconds: float
    level: Array
    active: Array

    @property
    def silent(self) -> bool:
        return not bool(self.active.any())


class PhoneSource(Protocol):
    """Turns samples into phones, or better into how likely each phone is at each moment."""

    def phones(self, samples: Array) -> Array | Sequence[Phone]:
        """samples : (n,) int16 at 16 kHz.

        Returns probabilities, (ceil(n / 160), 40) with a column for each of PHONES, row k for the 10 ms from
        k * 10 ms on; or, from a recogniser that knows one answer only, phones in time order, times in seconds
        from the first sample.
        """
        ...


def read_speech(path: Path, *, max_seconds: float, is_canceled: IsCanceled) -> Speech:
    """Decode and measure a recording.

    Raises InputError `audio_unreadable` (no sound in it, or broken), `too_long`; Canceled.
    """
    parts: list[Array] = []
    total = 0
    blocks = decoded_audio(path, rate=RATE, layout="mono", sample_format="s16", max_seconds=max_seconds)
    for block in blocks:
        parts.append(block.reshape(-1))
        total += parts[-1].size
        if is_canceled():
            raise Canceled
    if total < RATE // 50:
        raise InputError(
            "audio_unreadable", "The audio file holds no sound; send a WAV, MP3 or M4A recording."
        )
    samples = np.concatenate(parts)
    level = loudness(samples)
    return Speech(samples, samples.size / RATE, level, activity(level))


def decoded_audio(
    path: Path, *, rate: int, layout: str, sample_format: str, max_seconds: float
) -> Iterator[Array]:
    """Blocks of sound, each (channels or 1, samples) in the asked format, resampled, whatever the file holds.

    Raises InputError: audio_unreadable, too_long, too_large, unsupported_format.
    """
    limits = replace(DEFAULT, seconds=max_seconds + 1e-4)  # sums of frames may round up
    with open_container(path, kind="audio", limits=limits) as container:
        resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate)
        # A decoder gives numbers; uncompressed floats can be anything that fits in 32 bits.
        raw = container.streams.audio[0].codec_context.name.startswith("pcm_f")
        for frame in audio_frames(container, limits=limits):
            if raw and not np.isfinite(frame.to_ndarray()).all():
                raise unreadable("audio")
            frame.pts = None  # gaps and jumps in time stamps must not become gaps in the sound
            for out in resampler.resample(frame):
                yield out.to_ndarray()
        for out in resampler.resample(None):
            yield out.to_ndarray()


def cut(blocks: Iterator[Array], size: int) -> Generator[Array]:
    """(channels, n) blocks of any length as blocks of `size` samples; the last may be shorter."""
    rest: Array | None = None
    for block in blocks:
        rest = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = rest.shape[1] // size * size
        for start in range(0, whole, size):
            yield rest[:, start : start + size]
        rest = rest[:, whole:]
    if rest is not None and rest.shape[1]:
        yield rest


def loudness(samples: Array) -> Array:
    """Loudness in dB of full scale, 100 readings a second, over 50 ms around each.

    samples : (n,) int16. Returns (ceil(n / 160),) float32, -120 for digital silence and for any constant.
    """
    count = -(-samples.size // HOP)
    moments: Array = np.zeros((count, 2), np.float32)  # of each 10 ms: mean and mean square
    for first in range(0, count, LEVELS):  # a second at a time: ten minutes as floats would be 40 MB
        part: Array = samples[first * HOP : (first + LEVELS) * HOP]
        whole: Array = np.pad(part, (0, -part.size % HOP)).reshape(-1, HOP) / np.float32(32768)
        moments[first : first + len(whole)] = np.stack(
            [whole.mean(axis=1), np.square(whole).mean(axis=1)], axis=1
        )
    mean, square = cv2.blur(moments, (1, 5), borderType=cv2.BORDER_REPLICATE).T
    # About the mean: a constant offset, which poor microphones add, is no sound.
    return (10.0 * np.log10(np.maximum(square - mean**2, 1e-12))).astype(np.float32)


def activity(level: Array) -> Array:
    """Where somebody speaks, from loudness alone; the floor adapts to the recording's own noise.

    level : (m,) dB, 100 a second. Returns (m,) bool. Gaps under 120 ms are filled (closures of stops), and
    bursts under 40 ms are dropped (clicks).
    """
    peak = loudest(level)
    if peak < SILENCE_DB:
        return np.zeros(level.size, bool)
    floor = noise_floor(level)
    threshold = floor + 0.33 * (peak - floor) if peak - floor > 12 else peak - 12
    threshold = min(threshold, peak - 18) if peak - floor > 24 else threshold
    return steady(level > threshold)


def noise_floor(level: Array) -> float:
    """How loud the recording is where nothing is said, in dB: its quietest twentieth, but not digital silence."""
    return max(float(np.percentile(level, 5)), loudest(level) - 55.0)


def loudest(level: Array) -> float:
    """What the recording's speech reaches, in dB: exceeded for 3 % of it, or for a second where that is less.

    Somebody who says one sentence in ten minutes is heard.
    """
    rank = int(np.clip(0.03 * level.size, 1, LEVELS))
    return float(np.partition(level, -rank)[-rank])


def steady(speaks: Array) -> Array:
    """Readings of speech without gaps under 120 ms and bursts under 40 ms. (m,) bool, and so returned."""
    return long_runs(~long_runs(~speaks, 12), 4)


def long_runs(mask: Array, shortest: int) -> Array:
    """`mask` without its runs of True that are shorter than `shortest`."""
    kept = np.zeros_like(mask)
    for start, end in runs(mask):
        kept[start:end] = end - start >= shortest
    return kept


def runs(mask: Array) -> list[tuple[int, int]]:
    """Start and end (one past the last) of each run of True in a (n,) bool."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def certain(phones: Sequence[Phone], count: int) -> Array:
    """Phones as probabilities of 0 and 1; what no phone covers is silence, and an unknown name a middling vowel.

    Returns (count, 40) float32, a row each 10 ms. A phone shorter than that still gets a row's share.
    """
    rows = np.zeros((count, len(PHONES)), np.float32)
    edges = np.arange(count + 1) / LEVELS
    for phone in phones:
        name = phone.name if phone.name in PHONES else "AH"
        first, last = max(int(phone.start * LEVELS), 0), min(int(np.ceil(phone.end * LEVELS)), count)
        covered = np.minimum(edges[first + 1 : last + 1], phone.end) - np.maximum(
            edges[first:last], phone.start
        )
        rows[first:last, PHONES.index(name)] += LEVELS * np.maximum(covered, 0.0)
    rows[:, PHONES.index("SIL")] += np.maximum(1.0 - rows.sum(axis=1), 0.0)
    return rows / rows.sum(axis=1, keepdims=True)


def hear(speech: Speech, source: PhoneSource, *, is_canceled: IsCanceled) -> Iterator[tuple[float, Array]]:
    """Probabilities of phones piece by piece, each with the fraction heard so far; Canceled between pieces.

    The pieces together have a row for each reading of `speech.level`, (m, 40) float32.
    """
    for start, end in _pieces(speech):
        if is_canceled():
            raise Canceled
        heard: Array | Sequence[Phone] = []
        if speech.active[start:end].any():
            heard = source.phones(speech.samples[start * HOP : end * HOP])
        rows = heard if isinstance(heard, np.ndarray) else certain(heard, end - start)
        yield end / speech.level.size, rows


def _pieces(speech: Speech) -> list[tuple[int, int]]:
    """Spans of readings of about CHUNK_SECONDS, cut where it is quietest in the second half of each."""
    size, step = speech.level.size, int(CHUNK_SECONDS * LEVELS)
    cuts = [0]
    while size - cuts[-1] > step * 1.5:
        low, high = cuts[-1] + step // 2, cuts[-1] + step
        quiet = cv2.blur(speech.level[low:high].reshape(-1, 1), (1, 15)).reshape(-1)
        cuts.append(low + int(np.argmin(quiet)))
    return list(zip(cuts, [*cuts[1:], size], strict=True))
