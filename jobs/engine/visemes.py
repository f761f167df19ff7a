"""From the probabilities of phones to mouth shapes, one row of parameters a video frame.

Each phone has a target shape, and a dominance that spreads over the time around it; what the mouth does is
the average of the targets weighted by dominance (M. M. Cohen and D. W. Massaro, "Modeling coarticulation in
synthetic visual speech", 1993) and by how likely each phone is. Rounding spreads far and yields little, as it
does in speech; alveolars give way to the vowels around them (P. Edwards et al., "JALI", 2016).

A lip closure of 50 ms can fall between two frames at 25 a second, and one that is only likely would come out
half open. So closures are not left to the average: every likely p, b and m gets a frame that is fully shut.
"""

from dataclasses import dataclass

import numpy as np

from jobs.engine.arrays import Array, smoothstep
from jobs.engine.audio import LEVELS, PHONES, Speech, long_runs, noise_floor, runs, steady

FPS = 25
VOICED_DB = 11.0  # below the recording's loud speech: louder than that no pause is
FAINT_DB = 6.0  # above the noise: what the recogniser takes for speech is speech from there on
UNHEARD = 8  # readings of 10 ms: so long the voice may sound loud in what the recogniser takes for silence
PARTED = 0.05  # the least opening of a phone that is no closure
QUICK, SLOW = 0.030, 0.055  # seconds: standard deviation of the dominance of opening, and of the lips' shape
LIKELY = 0.15  # probability from which on a p, b or m is shown
NEARLY = 0.7  # of its best: the lips are shut while a closure is so likely
# An opening is so much of its target, and so much more in a loud voice; so where the phones are heard well, and where
# they are a guess, as in a language that the recogniser does not know: then loudness is what can be trusted.
OPEN, LOUD = (0.93, 0.33), (0.22, 1.30)
DOUBT = (0.20, 0.32)  # of the likeliest phone, on the average: 0.2 in English read clearly
WIDEST = 1.1
NARROW = 0.25  # lips that part a little look, and are measured, as parted more than in proportion
BESIDE = 0.04  # seconds within which lips part beside a closure

# Per phone: opening 0..1, width -1 (narrow) to 1 (spread), rounding 0..1, upper lip raised 0..1,
# lower lip tucked under the teeth 0..1, lips pressed 0..1, dominance of the opening, of the lips' shape.
_TABLE: dict[str, tuple[float, ...]] = {
    "SIL": (0.00, 0.00, 0.00, 0.0, 0.0, 0.0, 1.0, 0.5),
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
_SILENCE, _MIDDLING = PHONES.index("SIL"), PHONES.index("AH")
_CLOSURES = [PHONES.index(name) for name in ("P", "B", "M")]


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
        """A mouth at rest: the shape of a pause."""
        rest = (*_TABLE["SIL"][:6], 0.0)
        return cls(*(np.full(frames, value, np.float32) for value in rest))


def frame_count(seconds: float, fps: float = FPS) -> int:
    """Frames that cover a recording: the last one may end after it, by less than a frame."""
    return max(1, int(np.ceil(seconds * fps - 1e-6)))


def mouth_track(heard: Array, speech: Speech, fps: float = FPS) -> MouthTrack:
    """Mouth shapes for a recording; frame k is what is seen from k / fps seconds on.

    heard : (m, 40) probabilities of PHONES, a row for each reading of `speech.level`.
    """
    frames = frame_count(speech.seconds, fps)
    if speech.silent:
        return MouthTrack.still(frames)
    speaks = _speaks(heard, speech)
    doubt = float(np.interp(1.0 - heard[speech.active].max(axis=1).mean(), DOUBT, (0.0, 1.0)))
    heard = _with_pauses(heard, speech, speaks)
    loud = _loudness(speech)
    shape = _blend(heard)
    gain = np.interp(doubt, (0, 1), OPEN) + np.interp(doubt, (0, 1), LOUD) * loud
    opening = np.minimum(shape[:, 0] * gain, WIDEST) * _ease(speaks)
    shape[:, 0] = opening * (1 - NARROW * (1 - opening))
    shape = _by_frame(np.column_stack([shape, loud]), frames, fps)
    opening, press = _shut_closures(shape[:, 0], shape[:, 5], heard, fps)
    columns = (opening, *shape[:, 1:5].T, press, shape[:, 6])
    return MouthTrack(*(np.ascontiguousarray(column, np.float32) for column in columns))


def _speaks(heard: Array, speech: Speech) -> Array:
    """Where somebody speaks, (m,) bool: loud enough, or faint, as the ends of words are, but heard as speech."""
    faint = speech.level > noise_floor(speech.level) + FAINT_DB
    return steady(speech.active | (faint & (heard[:, _SILENCE] < 0.5)))


def _with_pauses(heard: Array, speech: Speech, speaks: Array) -> Array:
    """Where nobody speaks there is silence, and where it is loud no silence but a middling vowel.

    The recogniser hears phones in noise, and nothing in voices it does not know. Returns the shape of `heard`.
    """
    heard = heard.copy()
    voiced = float(np.percentile(speech.level[speech.active], 90)) - VOICED_DB
    deaf = long_runs((heard[:, _SILENCE] > 0.5) & speaks & (speech.level > voiced), UNHEARD)
    heard[deaf, _MIDDLING] += heard[deaf, _SILENCE]
    heard[deaf, _SILENCE] = 0.0
    heard[~speaks] = 0.0
    heard[~speaks, _SILENCE] = 1.0
    return heard


def _blend(heard: Array) -> Array:
    """Dominance-weighted targets, every 10 ms. heard : (m, 40). Returns (m, 6) float64, columns as in the table."""
    table = np.array([_target(name) for name in PHONES])
    found = []
    for dominance, columns, spread in ((6, [0, 4, 5], QUICK), (7, [1, 2, 3], SLOW)):
        weight = heard * table[:, dominance]
        sums = np.column_stack([weight @ table[:, columns], weight.sum(axis=1)])
        sums = np.column_stack([_smoothed(column, spread) for column in sums.T])
        found.append(sums[:, :3] / np.maximum(sums[:, 3:], 1e-6))
    quick, slow = found
    return np.column_stack([quick[:, :1], slow, quick[:, 1:]])


def _target(name: str) -> Array:
    """The table's row; what is no closure keeps the lips visibly apart, so that closures stand out."""
    target = np.array(_TABLE[name])
    if name not in {"SIL", "P", "B", "M"}:
        target[0] = PARTED + (1 - PARTED) * target[0]
    return target


def _smoothed(values: Array, spread: float) -> Array:
    """(m,) values at 100 a second under a Gaussian of `spread` seconds; the ends go on as they are."""
    sigma = spread * LEVELS
    reach = np.arange(-int(3 * sigma), int(3 * sigma) + 1)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    return np.convolve(np.pad(values, reach[-1], mode="edge"), kernel / kernel.sum(), mode="valid")


def _loudness(speech: Speech) -> Array:
    """How loud each reading is against the recording's own speech: (m,) 0..1, smoothed over about 80 ms."""
    high = float(np.percentile(speech.level[speech.active], 90))
    return _smoothed(np.clip((speech.level - (high - 24.0)) / 24.0, 0.0, 1.0), 0.02)


def _ease(speaks: Array) -> Array:
    """How far the mouth may open: (m,) 0 where nobody speaks; it opens a little before the sound, as speakers do."""
    return smoothstep(np.convolve(speaks.astype(float), np.ones(6) / 6, mode="same"), 0.0, 0.6)


def _by_frame(values: Array, frames: int, fps: float) -> Array:
    """Means of readings over each frame. values : (m, n). Returns (frames, n); beyond the end the last goes on."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    edges = np.minimum(np.arange(frames + 1) * LEVELS / fps, len(values))
    at = np.arange(len(sums))
    found = np.diff(np.column_stack([np.interp(edges, at, column) for column in sums.T]), axis=0)
    length = np.diff(edges)[:, None]
    return np.where(length > 1e-6, found / np.maximum(length, 1e-6), values[-1])


def _shut_closures(opening: Array, press: Array, heard: Array, fps: float) -> tuple[Array, Array]:
    """At least one frame fully shut in every likely p, b and m; steep but not sudden on either side."""
    opening, press = opening.copy(), press.copy()
    rim = max(1, round(fps * BESIDE))
    for start, end in closures(heard):
        first, last = int(np.ceil(start * fps - 0.5)), int(np.floor(end * fps - 0.5))
        if last < first:
            first = last = min(int((start + end) / 2 * fps), opening.size - 1)
        for k in range(max(first - rim, 0), min(last + rim + 1, opening.size)):
            away = first - k if k < first else max(k - last, 0)
            opening[k] = min(opening[k], 0.6 * away / rim)
            if not away:
                press[k] = max(press[k], _TABLE["B"][5])
    return opening, press


def closures(heard: Array) -> list[tuple[float, float]]:
    """Start and end in seconds of every likely closure of the lips: while it is nearly as likely as at its best.

    heard : (m, 40) probabilities of PHONES.
    """
    likely = heard[:, _CLOSURES].sum(axis=1)
    found = []
    for start, end in runs(likely > LIKELY):
        near = start + np.flatnonzero(likely[start:end] > NEARLY * likely[start:end].max())
        found.append((int(near[0]) / LEVELS, (int(near[-1]) + 1) / LEVELS))
    return found
