"""From phones to mouth shapes, one row of parameters a video frame.

Each phone has a target shape, and a dominance that rises to its middle and falls again; what the mouth
does is the average of the targets weighted by dominance (M. M. Cohen and D. W. Massaro, "Modeling
coarticulation in synthetic visual speech", 1993). Rounding spreads far and yields little, as it does in
speech; alveolars give way to the vowels around them (P. Edwards et al., "JALI", 2016).

A lip closure of 50 ms can fall between two frames at 25 a second. So closures are not left to the
average: every p, b and m gets at least one frame that is fully shut.
"""

from dataclasses import dataclass, fields

import numpy as np

from jobs.engine.arrays import Array, smoothstep
from jobs.engine.audio import LEVELS, Phone, Speech

FPS = 25
CLOSURES = frozenset({"P", "B", "M"})
VOICED_DB = 11.0  # below the recording's loud speech: louder than that no pause is
PARTED = 0.05  # the least opening of a phone that is no closure
BESIDE = 0.04  # seconds within which lips part beside a closure
FINE = 4  # dominance is evaluated this many times a frame

# Per phone: opening 0..1, width -1 (narrow) to 1 (spread), rounding 0..1, upper lip raised 0..1,
# lower lip tucked under the teeth 0..1, lips pressed 0..1, dominance of the opening, of the lips' shape.
_TABLE: dict[str, tuple[float, ...]] = {
    "SIL": (0.00, 0.00, 0.00, 0.0, 0.0, 0.1, 1.0, 0.5),
    "AA": (1.00, 0.00, 0.00, 0.1, 0.0, 0.0, 1.0, 0.6),
    "AE": (0.95, 0.45, 0.00, 0.2, 0.0, 0.0, 1.0, 0.8),
    "AH": (0.62, 0.00, 0.00, 0.1, 0.0, 0.0, 0.8, 0.4),
    "AO": (0.85, -0.35, 0.60, 0.1, 0.0, 0.0, 1.0, 1.0),
    "AW": (0.90, -0.25, 0.40, 0.1, 0.0, 0.0, 1.0, 0.8),
    "AY": (0.90, 0.25, 0.00, 0.1, 0.0, 0.0, 1.0, 0.6),
    "EH": (0.68, 0.35, 0.00, 0.2, 0.0, 0.0, 0.9, 0.7),
    "ER": (0.45, -0.30, 0.40, 0.2, 0.0, 0.0, 0.8, 0.8),
    "EY": (0.58, 0.55, 0.00, 0.2, 0.0, 0.0, 0.9, 0.8),
    "IH": (0.45, 0.40, 0.00, 0.2, 0.0, 0.0, 0.8, 0.6),
    "IY": (0.35, 0.80, 0.00, 0.3, 0.0, 0.0, 0.9, 1.0),
    "OW": (0.62, -0.60, 0.85, 0.1, 0.0, 0.0, 0.9, 1.2),
    "OY": (0.70, -0.50, 0.75, 0.1, 0.0, 0.0, 0.9, 1.2),
    "UH": (0.42, -0.45, 0.65, 0.1, 0.0, 0.0, 0.8, 1.0),
    "UW": (0.28, -0.80, 1.00, 0.1, 0.0, 0.0, 0.9, 1.4),
    "B": (0.00, 0.00, 0.00, 0.0, 0.0, 0.9, 1.6, 0.4),
    "P": (0.00, 0.00, 0.00, 0.0, 0.0, 1.0, 1.6, 0.4),
    "M": (0.00, 0.05, 0.00, 0.0, 0.0, 0.8, 1.6, 0.4),
    "F": (0.09, 0.10, 0.00, 0.5, 1.0, 0.0, 1.4, 0.8),
    "V": (0.10, 0.10, 0.00, 0.5, 0.9, 0.0, 1.3, 0.7),
    "CH": (0.20, -0.40, 0.65, 0.5, 0.0, 0.0, 1.0, 1.1),
    "JH": (0.20, -0.40, 0.65, 0.5, 0.0, 0.0, 1.0, 1.1),
    "SH": (0.20, -0.45, 0.70, 0.5, 0.0, 0.0, 1.0, 1.1),
    "ZH": (0.20, -0.45, 0.70, 0.5, 0.0, 0.0, 1.0, 1.1),
    "S": (0.18, 0.35, 0.00, 0.3, 0.0, 0.0, 1.0, 0.5),
    "Z": (0.18, 0.35, 0.00, 0.3, 0.0, 0.0, 1.0, 0.5),
    "T": (0.22, 0.20, 0.00, 0.2, 0.0, 0.0, 0.8, 0.3),
    "D": (0.24, 0.20, 0.00, 0.2, 0.0, 0.0, 0.8, 0.3),
    "N": (0.26, 0.15, 0.00, 0.2, 0.0, 0.0, 0.8, 0.3),
    "L": (0.36, 0.10, 0.00, 0.2, 0.0, 0.0, 0.7, 0.3),
    "TH": (0.26, 0.15, 0.00, 0.3, 0.0, 0.0, 0.9, 0.4),
    "DH": (0.26, 0.15, 0.00, 0.3, 0.0, 0.0, 0.8, 0.4),
    "R": (0.28, -0.45, 0.55, 0.3, 0.0, 0.0, 0.8, 1.0),
    "W": (0.12, -0.85, 1.00, 0.0, 0.0, 0.0, 1.2, 1.5),
    "Y": (0.28, 0.60, 0.00, 0.2, 0.0, 0.0, 0.8, 0.8),
    "K": (0.32, 0.05, 0.00, 0.1, 0.0, 0.0, 0.6, 0.2),
    "G": (0.32, 0.05, 0.00, 0.1, 0.0, 0.0, 0.6, 0.2),
    "NG": (0.30, 0.05, 0.00, 0.1, 0.0, 0.0, 0.6, 0.2),
    "HH": (0.45, 0.00, 0.00, 0.1, 0.0, 0.0, 0.3, 0.1),
}
UNKNOWN = _TABLE["AH"]


@dataclass(frozen=True)
class MouthTrack:
    """Mouth shapes of a clip: one value a frame in each array, (frames,) float32.

    opening : 0 shut to about 1, the widest speech opening; width : -1..1; rounding, upper, tuck, press : 0..1.
    loud : 0..1, how strongly the voice sounds, for what moves with the speech beside the mouth.
    """

    opening: Array
    width: Array
    rounding: Array
    upper: Array
    tuck: Array
    press: Array
    loud: Array

    def __len__(self) -> int:
        return int(self.opening.size)

    @classmethod
    def still(cls, frames: int) -> "MouthTrack":
        return cls(*(np.zeros(frames, np.float32) for _ in fields(cls)))


def frame_count(seconds: float, fps: float = FPS) -> int:
    """Frames that cover a recording: the last one may end after it, by less than a frame."""
    return max(1, int(np.ceil(seconds * fps - 1e-6)))


def mouth_track(phones: list[Phone], speech: Speech, fps: float = FPS) -> MouthTrack:
    """Mouth shapes for a recording; frame k is what is seen from k / fps seconds on."""
    frames = frame_count(speech.seconds, fps)
    if speech.silent:
        return MouthTrack.still(frames)
    phones = _with_pauses(phones, speech)
    shape = _blend(phones, frames, fps)
    loud = _loudness(speech, frames, fps)
    opening = shape[:, 0] * (0.72 + 0.4 * loud)
    opening = _shut_in_pauses(opening, speech, fps)
    opening, press = _shut_closures(opening, shape[:, 5], phones, fps)
    columns = (opening, shape[:, 1], shape[:, 2], shape[:, 3], shape[:, 4], press, loud)
    return MouthTrack(*(np.ascontiguousarray(column, np.float32) for column in columns))


def _with_pauses(phones: list[Phone], speech: Speech) -> list[Phone]:
    """Phones where the recording is quiet become silence, and silence where it is loud a middling vowel.

    The recogniser hears phones in noise, and nothing in voices it does not know.
    """
    kept: list[Phone] = []
    voiced = float(np.percentile(speech.level[speech.active], 90)) - VOICED_DB
    for phone in phones:
        low, high = int(phone.start * LEVELS), max(int(phone.end * LEVELS), int(phone.start * LEVELS) + 1)
        heard = speech.active[low:high].mean() if 0 <= low < speech.active.size else 0.0
        name = phone.name if heard > 0.4 else "SIL"
        if name == "SIL" and heard > 0.8 and high - low > 7 and speech.level[low:high].mean() > voiced:
            name = "AH"
        if kept and kept[-1].name == name == "SIL":
            kept[-1] = Phone("SIL", kept[-1].start, phone.end)
        else:
            kept.append(Phone(name, phone.start, phone.end))
    return kept


def _blend(phones: list[Phone], frames: int, fps: float) -> Array:
    """Dominance-weighted targets. Returns (frames, 6) float64, columns as in the table."""
    steps = frames * FINE
    times = (np.arange(steps) + 0.5) / (fps * FINE)
    value, weight = np.zeros((steps, 6)), np.full((steps, 6), 1e-6)
    for phone in phones:
        target = _target(phone.name)
        middle, half = (phone.start + phone.end) / 2, (phone.end - phone.start) / 2
        reach = half + 0.30
        low, high = np.searchsorted(times, [middle - reach, middle + reach])
        beyond = np.maximum(np.abs(times[low:high] - middle) - 0.55 * half, 0.0)
        quick = target[6] * np.exp(-((beyond / 0.038) ** 1.5))
        slow = target[7] * np.exp(-((beyond / 0.065) ** 1.5))
        strength = np.stack([quick, slow, slow, slow, quick, quick], axis=1)
        value[low:high] += strength * target[:6]
        weight[low:high] += strength
    return (value / weight).reshape(frames, FINE, 6).mean(axis=1)


def _target(name: str) -> Array:
    """The table's row; what is no closure keeps the lips visibly apart, so that closures stand out."""
    target = np.array(_TABLE.get(name, UNKNOWN))
    if name != "SIL" and name not in CLOSURES:
        target[0] = PARTED + (1 - PARTED) * target[0]
    return target


def _loudness(speech: Speech, frames: int, fps: float) -> Array:
    """How loud each frame is against the recording's own speech, 0..1, smoothed over about 80 ms."""
    level = speech.level
    high = float(np.percentile(level[speech.active], 90))
    relative = np.clip((level - (high - 24.0)) / 24.0, 0.0, 1.0)
    kernel = np.hanning(11)[1:-1]
    smooth = np.convolve(relative, kernel / kernel.sum(), mode="same")
    at = (np.arange(frames) + 0.5) * LEVELS / fps
    return np.interp(at, np.arange(level.size) + 0.5, smooth)


def _shut_in_pauses(opening: Array, speech: Speech, fps: float) -> Array:
    """Ease the mouth shut where nobody speaks, opening a little before the sound as speakers do."""
    at = (np.arange(opening.size) + 0.5) * LEVELS / fps
    smooth = np.convolve(speech.active.astype(float), np.ones(6) / 6, mode="same")
    heard = np.interp(at, np.arange(smooth.size) + 0.5, smooth)
    return opening * smoothstep(heard, 0.0, 0.6)


def _shut_closures(opening: Array, press: Array, phones: list[Phone], fps: float) -> tuple[Array, Array]:
    """At least one frame fully shut in every p, b and m; steep but not sudden on either side."""
    opening, press = opening.copy(), press.copy()
    for phone in phones:
        if phone.name not in CLOSURES:
            continue
        # A stop's interval ends with its release, when the lips part; a nasal is closed throughout.
        end = phone.end if phone.name == "M" else phone.end - 0.25 * (phone.end - phone.start)
        first = int(np.ceil(phone.start * fps - 0.5))
        last = int(np.floor(end * fps - 0.5))
        if last < first:
            first = last = int((phone.start + end) / 2 * fps)
        rim = max(1, round(fps * BESIDE))
        for k in range(max(first - rim, 0), min(last + rim + 1, opening.size)):
            away = first - k if k < first else max(k - last, 0)
            opening[k] = min(opening[k], 0.4 * away / rim)
            if not away:
                press[k] = max(press[k], _TABLE[phone.name][5])
    return opening, press
