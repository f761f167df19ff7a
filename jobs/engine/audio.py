"""Speech as the engine hears it: samples, loudness, where somebody speaks, and phones.

Phones come through `PhoneSource`, so that a better recogniser can be dropped in. The one here is
pocketsphinx's allphone search with its English phone language model. Loudness and activity are
plain signal measures and hold in any language.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

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
CHUNK_SECONDS = 20.0  # the recogniser works on pieces of about this length, cut in pauses


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
    """Turns samples into phones in time order, without gaps worth more than 10 ms."""

    def phones(self, samples: Array) -> list[Phone]:
        """samples : (n,) int16 at 16 kHz. Times are seconds from the first sample."""
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


def loudness(samples: Array) -> Array:
    """Loudness in dB of full scale, 100 readings a second, over 50 ms around each.

    samples : (n,) int16. Returns (ceil(n / 160),) float32, -120 for digital silence.
    """
    count = -(-samples.size // HOP)
    power: Array = np.zeros(count, np.float32)
    for first in range(0, count, LEVELS):  # a second at a time: ten minutes as floats would be 40 MB
        part: Array = samples[first * HOP : (first + LEVELS) * HOP]
        whole: Array = np.pad(part, (0, -part.size % HOP)).reshape(-1, HOP) / np.float32(32768)
        power[first : first + len(whole)] = np.square(whole).mean(axis=1)
    power = cv2.blur(power.reshape(-1, 1), (1, 5), borderType=cv2.BORDER_REPLICATE).reshape(-1)
    return (10.0 * np.log10(np.maximum(power, 1e-12))).astype(np.float32)


def activity(level: Array) -> Array:
    """Where somebody speaks, from loudness alone; the floor adapts to the recording's own noise.

    level : (m,) dB, 100 a second. Returns (m,) bool. Gaps under 120 ms are filled (closures of stops), and
    bursts under 40 ms are dropped (clicks).
    """
    peak = float(np.percentile(level, 97))
    if peak < SILENCE_DB:
        return np.zeros(level.size, bool)
    floor = max(float(np.percentile(level, 5)), peak - 55.0)
    threshold = floor + 0.33 * (peak - floor) if peak - floor > 12 else peak - 12
    threshold = min(threshold, peak - 18) if peak - floor > 24 else threshold
    return _runs(~_runs(~(level > threshold), 12), 4)


def _runs(mask: Array, shortest: int) -> Array:
    """`mask` without its runs of True that are shorter than `shortest`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    kept = np.zeros_like(mask)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= shortest:
            kept[start:end] = True
    return kept


class PocketsphinxPhones:
    """Allphone search of pocketsphinx 5.0.4 with the acoustic and phone language model in its wheel."""

    _instance: "PocketsphinxPhones | None" = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        import pocketsphinx

        model = Path(pocketsphinx.__file__).parent / "model" / "en-us"
        self._decoder = pocketsphinx.Decoder(
            hmm=str(model / "en-us"),
            allphone=str(model / "en-us-phone.lm.bin"),
            lw=2.0,
            beam=1e-20,
            pbeam=1e-20,
            loglevel="FATAL",
        )

    @classmethod
    def shared(cls) -> "PocketsphinxPhones":
        with cls._lock:
            if cls._instance is None:
                cls._instance = cls()
            return cls._instance

    def phones(self, samples: Array) -> list[Phone]:
        decoder: Any = self._decoder
        decoder.reinit_feat()  # or its cepstral means go on from the recording before, and a seed promises nothing
        decoder.start_utt()
        decoder.process_raw(np.ascontiguousarray(samples, np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        segments = decoder.seg() or []
        last = samples.size / RATE
        return [
            _phone(s.word, _seconds(s.start_frame, last), _seconds(s.end_frame + 1, last)) for s in segments
        ]


def _seconds(frame: int, last: float) -> float:
    """When a frame of the recogniser is: it is named by the start of the 25.6 ms that it was measured over."""
    return min(frame / LEVELS + 0.0128, last) if frame else 0.0


def _phone(word: str, start: float, end: float) -> Phone:
    return Phone("SIL" if word.startswith(("+", "<", "SIL")) else word, start, end)


def hear(
    speech: Speech, source: PhoneSource, *, is_canceled: IsCanceled
) -> Iterator[tuple[float, list[Phone]]]:
    """Phones of a recording piece by piece, each with the fraction heard so far; Canceled between pieces."""
    for start, end in _pieces(speech):
        if is_canceled():
            raise Canceled
        offset = start / LEVELS
        piece = speech.samples[start * HOP : end * HOP]
        found = source.phones(piece) if speech.active[start:end].any() else []
        yield end / speech.level.size, [Phone(p.name, p.start + offset, p.end + offset) for p in found]


def _pieces(speech: Speech) -> list[tuple[int, int]]:
    """Spans of readings of about CHUNK_SECONDS, cut where it is quietest in the second half of each."""
    size, step = speech.level.size, int(CHUNK_SECONDS * LEVELS)
    cuts = [0]
    while size - cuts[-1] > step * 1.5:
        low, high = cuts[-1] + step // 2, cuts[-1] + step
        quiet = cv2.blur(speech.level[low:high].reshape(-1, 1), (1, 15)).reshape(-1)
        cuts.append(low + int(np.argmin(quiet)))
    return list(zip(cuts, [*cuts[1:], size], strict=True))
