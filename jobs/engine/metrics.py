"""How well a mouth follows speech, measured on the finished video with a landmark detector.

A figure is worth something only beside negative controls: `controls` makes motions that must fail. A mouth
that stays shut hits every closure, so closures count above chance; one that flaps opens in every vowel, so the
correlation is taken with labelled phones, and its lag is reported.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array
from jobs.engine.audio import LEVELS, Phone
from jobs.engine.landmarks import Face, MediapipeLandmarks
from jobs.engine.sources import open_container, video_frames
from jobs.engine.tracker import FaceTracker

MOST_LAG = 8  # frames either way
SHUT = 0.18  # of the clip's own range
PAUSE = 0.25  # seconds: shorter silences are closures of stops and gaps between words
SPREAD = 0.035  # seconds: lips do not jump from phone to phone
QUIET_DB = 30.0  # below a recording's loud speech: what is quieter is a pause
CHANCE_WINDOWS = 40  # random windows for each closure

# How far lips part in each phone against the widest, after the usual vowel charts; consonants by place.
_LEVELS = {
    "AA": 1.0, "AE": 0.95, "AY": 0.9, "AW": 0.9, "AO": 0.85, "EH": 0.7, "OY": 0.7, "OW": 0.65, "AH": 0.6,
    "EY": 0.6, "ER": 0.45, "IH": 0.45, "HH": 0.45, "UH": 0.4, "IY": 0.35, "L": 0.35, "K": 0.35, "G": 0.35,
    "NG": 0.3, "R": 0.3, "UW": 0.3, "Y": 0.3, "N": 0.27, "D": 0.25, "TH": 0.25, "DH": 0.25, "T": 0.22,
    "CH": 0.2, "JH": 0.2, "SH": 0.2, "ZH": 0.2, "S": 0.18, "Z": 0.18, "W": 0.15, "F": 0.1, "V": 0.1,
    "B": 0.0, "P": 0.0, "M": 0.0, "SIL": 0.0,
}  # fmt: skip
_CLOSURES = frozenset({"P", "B", "M"})
_LIPS = tuple(zip(lm.LIP_UPPER_INNER[2:-2], lm.LIP_LOWER_INNER[2:-2], strict=True))


@dataclass(frozen=True)
class Sync:
    """r : the best correlation over lags of -8..8 frames; lag : frames by which the mouth comes late."""

    r: float
    lag: int


@dataclass(frozen=True)
class Closures:
    """hits : for each labelled p, b and m whether the mouth was shut within it; chance : the same at random."""

    hits: tuple[bool, ...]
    chance: float

    @property
    def j(self) -> float:
        """Share of hits above chance: 0 for a mouth that knows nothing, however shut it stays."""
        return float(np.mean(self.hits)) - self.chance if self.hits else 0.0


def face_aperture(face: Face) -> float:
    """Mean gap between the inner lips over the distance between the outer eye corners."""
    gaps = [np.hypot(*(face.points[low, :2] - face.points[high, :2])) for high, low in _LIPS]
    return float(np.mean(gaps)) / max(face.eye_distance, 1e-6)


def aperture(pictures: Iterable[Array]) -> Array:
    """Mouth opening for each picture of one face, in eye distances.

    pictures : (height, width, 3) uint8 RGB each. Returns (frames,) float64; a frame without a face is
    filled from its neighbours. Raises ValueError where no frame has one.
    """
    tracker = FaceTracker(MediapipeLandmarks.shared())
    found = [face_aperture(face) if (face := tracker.next(picture)) else np.nan for picture in pictures]
    values = np.array(found)
    seen = np.flatnonzero(~np.isnan(values))
    if not seen.size:
        raise ValueError("no frame shows a face")
    return np.interp(np.arange(values.size), seen, values[seen])


def pictures(path: Path) -> Iterator[Array]:
    """The frames of a video, (height, width, 3) uint8 RGB each."""
    with open_container(path, kind="video") as container:
        for frame in video_frames(container):
            yield frame.to_ndarray(format="rgb24")


def truth(phones: Sequence[Phone], frames: int, fps: float) -> Array:
    """The opening that labelled phones ask for: a level a phone, smoothed by a Gaussian of 35 ms.

    phones : ARPABET, with or without stress digits; what is unknown counts as a middling opening. Returns
    (frames,) float64, 0..1, at the middle of each frame.
    """
    fine = 8
    level = np.zeros(frames * fine)
    times = (np.arange(level.size) + 0.5) / (fps * fine)
    for phone in phones:
        level[(times >= phone.start) & (times < phone.end)] = _LEVELS.get(plain(phone.name), 0.35)
    sigma = SPREAD * fps * fine
    reach = np.arange(-int(4 * sigma), int(4 * sigma) + 1)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    padded = np.pad(level, int(4 * sigma), mode="edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return smooth.reshape(frames, fine).mean(axis=1)


def plain(name: str) -> str:
    """A phone's name without stress, and one name for every kind of silence. "spn" is none: a word nobody knew."""
    name = re.sub(r"\d", "", name).strip()
    return "SIL" if name in {"", "sp", "sil", "pau"} else name.upper()


def envelope(level: Array, frames: int, fps: float) -> Array:
    """How loud speech is in each frame, 0 at `QUIET_DB` below its loud parts and 1 there: a truth of a kind for
    recordings whose phones nobody labelled, since mouths open for what is loud in any language.

    level : (m,) dB, 100 a second. Returns (frames,) float64, smoothed like `truth`.
    """
    loud = float(np.percentile(level, 95))
    relative = np.clip((level - loud + QUIET_DB) / QUIET_DB, 0, 1).reshape(-1, 1)
    smooth = cv2.GaussianBlur(relative, (1, 0), 1, sigmaY=SPREAD * LEVELS, borderType=cv2.BORDER_REPLICATE)
    at = (np.arange(frames) + 0.5) * LEVELS / fps
    return np.interp(at, np.arange(level.size) + 0.5, smooth.reshape(-1))


def quiet_spells(level: Array) -> list[Phone]:
    """Pauses by energy alone, as silent phones: where a recording stays `QUIET_DB` below its loud parts.

    level : (m,) dB, 100 a second.
    """
    quiet = np.concatenate([[False], level < np.percentile(level, 95) - QUIET_DB, [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    return [Phone("SIL", start / LEVELS, end / LEVELS) for start, end in edges.reshape(-1, 2)]


def relative(values: Array) -> Array:
    """An aperture on its clip's own scale: 0 at its 3rd percentile, 1 at its 95th."""
    low, high = np.percentile(values, [3, 95])
    return (values - low) / max(float(high - low), 1e-9)


def opening_range(values: Array) -> float:
    """95th less 3rd percentile, eye distances: a mouth that hardly moves can correlate perfectly."""
    low, high = np.percentile(values, [3, 95])
    return float(high - low)


def sync(values: Array, wanted: Array) -> Sync:
    """Correlation of an aperture with the truth at the best lag. Both (frames,); r is 0 for a frozen mouth."""
    return best_lag(lagged(values, wanted))


def lagged(values: Array, wanted: Array) -> Array:
    """Correlation at each lag from -`MOST_LAG` to `MOST_LAG` frames: (17,) float64. values, wanted : (frames,)."""
    found = np.zeros(2 * MOST_LAG + 1)
    for k, lag in enumerate(range(-MOST_LAG, MOST_LAG + 1)):
        mouth = values[max(0, lag) : values.size + min(0, lag)]
        speech = wanted[max(0, -lag) : wanted.size + min(0, -lag)]
        found[k] = _correlation(mouth, speech)
    return found


def best_lag(correlations: Array) -> Sync:
    """The best of `lagged`, or of its mean over clips; the smallest lag among equals."""
    lags = sorted(range(-MOST_LAG, MOST_LAG + 1), key=abs)
    lag = max(lags, key=lambda one: float(correlations[one + MOST_LAG]))
    return Sync(float(correlations[lag + MOST_LAG]), lag)


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-9 else 0.0


def closures(values: Array, phones: Sequence[Phone], fps: float, *, seed: int = 0) -> Closures:
    """Whether the mouth shuts within each labelled p, b and m, and how often it would by chance."""
    shut = relative(values) < SHUT
    rng = np.random.default_rng(seed)
    start, end = min(p.start for p in phones), max(p.end for p in phones)
    hits, chance = [], []
    for phone in phones:
        if plain(phone.name) not in _CLOSURES:
            continue
        length = phone.end - phone.start
        hits.append(_any_within(shut, phone.start, phone.end, fps))
        for at in rng.uniform(start, max(end - length, start), CHANCE_WINDOWS):
            chance.append(_any_within(shut, at, at + length, fps))
    return Closures(tuple(hits), float(np.mean(chance)) if chance else 0.0)


def _any_within(flags: Array, start: float, end: float, fps: float) -> bool:
    """Whether any frame whose middle lies in start..end is flagged; the nearest frame where none does."""
    first, last = int(np.ceil(start * fps - 0.5)), int(np.ceil(end * fps - 0.5))
    if last <= first:
        first = int(np.clip((start + end) / 2 * fps, 0, flags.size - 1))
        last = first + 1
    return bool(flags[max(first, 0) : last].any())


def false_openings(values: Array, phones: Sequence[Phone], fps: float) -> tuple[int, int]:
    """Frames in pauses of 250 ms and more: how many show an open mouth, and how many there are.

    The first and last 80 ms of a pause are left out: the mouth closes after speech and opens before it.
    """
    opened = relative(values) >= SHUT
    wrong = total = 0
    for start, end in pauses(phones):
        first, last = int(np.ceil((start + 0.08) * fps)), int((end - 0.08) * fps)
        part = opened[first : max(last, first)]
        wrong, total = wrong + int(part.sum()), total + part.size
    return wrong, total


def pauses(phones: Sequence[Phone]) -> list[tuple[float, float]]:
    """Start and end of the labelled silences of 250 ms and more; neighbouring silences are one."""
    joined: list[tuple[float, float]] = []
    for phone in phones:
        if plain(phone.name) != "SIL":
            continue
        if joined and phone.start - joined[-1][1] < 0.02:
            joined[-1] = (joined[-1][0], phone.end)
        else:
            joined.append((phone.start, phone.end))
    return [(start, end) for start, end in joined if end - start >= PAUSE]


def controls(values: Array, fps: float) -> dict[str, Array]:
    """Motions that a metric must tell from good ones, made from an aperture; all (frames,).

    `shifted` must be found at a lag 5 frames higher; the others must lose their correlation or their J.
    """
    time = np.arange(values.size) / fps
    low, high = np.percentile(values, [3, 95])
    return {
        "reversed": values[::-1].copy(),
        "shifted": np.roll(values, 5),
        "frozen": np.full_like(values, float(low)),
        "flapping": low + (high - low) * (0.5 + 0.5 * np.sin(2 * np.pi * 4.0 * time)),
    }


def interval(clips: Sequence[float], *, rounds: int = 2000, seed: int = 0) -> tuple[float, float]:
    """A 95 % bootstrap interval of the mean over clips."""
    drawn = np.random.default_rng(seed).choice(np.asarray(clips, float), (rounds, len(clips)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def interval_of_share(
    clips: Sequence[tuple[float, float]], *, rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """A 95 % bootstrap interval, by clip, of a share of all: the sum of the firsts over the sum of the seconds."""
    drawn = np.random.default_rng(seed).integers(len(clips), size=(rounds, len(clips)))
    parts = np.asarray(clips, float)[drawn].sum(axis=1)
    low, high = np.percentile(parts[:, 0] / np.maximum(parts[:, 1], 1e-9), [2.5, 97.5])
    return float(low), float(high)


def psnr(one: Array, other: Array, where: Array | None = None) -> float:
    """Peak signal to noise ratio in dB, 10 log10(255^2 / MSE); infinite for equal pictures.

    one, other : (height, width) uint8. where : (height, width) bool, the part that is compared.
    """
    square = np.square(one.astype(np.float64) - other)
    error = float((square if where is None else square[where]).mean())
    return float(10 * np.log10(255.0**2 / error)) if error else float("inf")


def ssim(one: Array, other: Array, where: Array | None = None) -> float:
    """Mean structural similarity, 1 for equal pictures.

    One plane, 8 bit; Gaussian window of 11 x 11 with a standard deviation of 1.5, K1 = 0.01, K2 = 0.03 (Z. Wang,
    A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Transactions on Image Processing 13, 2004, equation 13); at its borders the picture is
    mirrored. one, other : (height, width) uint8. where : (height, width) bool, the windows' middles.
    """
    x, y = one.astype(np.float32), other.astype(np.float32)
    mean_x, mean_y = _windowed(x), _windowed(y)
    var_x, var_y = _windowed(x * x) - mean_x**2, _windowed(y * y) - mean_y**2
    both: Array = _windowed(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float((likeness if where is None else likeness[where]).mean())


def _windowed(values: Array) -> Array:
    return cv2.GaussianBlur(values, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT_101)
