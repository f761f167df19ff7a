"""The mouth of one face: its axes, where its lips part, and how far it goes by each kind of motion.

Everything is measured on the face itself: lengths are fractions of the distance between the outer eye
corners (corrected for the turn of the head), directions follow the mouth's line and the chin.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from jobs.engine import landmarks as lm
from jobs.engine.arrays import Array, smoothstep
from jobs.engine.landmarks import Face
from jobs.engine.visemes import MouthTrack

KINDS = ("close", "jaw", "lower", "upper", "width", "pout", "roll", "smile")
# How a gap between the lips comes about: the share of each kind of motion.
OPENED = {"jaw": 0.62, "lower": 0.18, "upper": 0.20}
WIDEST = 0.15  # gap between the lips at opening 1, in eye distances
OVERLAP = 0.009  # eye distances that each lip goes beyond the other's edge to shut a mouth that was open
PRESSED = 0.4  # of the lips' press, where they rest over teeth
CLOSED_GAP = 0.012  # of the eye distance: below it the detector's gap is noise and the lips are together


@dataclass(frozen=True)
class Style:
    """How large movements are against the usual. smile : added to every shape, in eye distances."""

    mouth: float = 1.0
    smile: float = 0.0


@dataclass(frozen=True)
class MouthFrame:
    """Axes of a mouth. centre, across, down : (2,) pixels and unit vectors; drop : the jaw's way.

    unit : pixels between the outer eye corners, as if seen from the front; half : pixels from the
    centre to a corner.
    """

    centre: Array
    across: Array
    down: Array
    drop: Array
    unit: float
    half: float

    @classmethod
    def of(cls, face: Face) -> "MouthFrame":
        points = face.points
        left, right = points[61, :2], points[291, :2]
        across = (right - left) / max(float(np.hypot(*(right - left))), 1e-6)
        chin = points[152, :2] - points[168, :2]
        eyes = points[list(lm.EYE_OUTER)]
        inner = points[[78, 308], :2]
        down = np.array([-across[1], across[0]], np.float32)
        # Along the mouth exactly between its corners, across it half way to the middle of the lips.
        centre = inner.mean(axis=0)
        centre = centre + 0.5 * float((points[[13, 14], :2].mean(axis=0) - centre) @ down) * down
        return cls(
            centre=centre,
            across=across,
            down=down,
            drop=chin / max(float(np.hypot(*chin)), 1e-6),
            unit=float(np.linalg.norm(eyes[1] - eyes[0])),
            half=float(np.hypot(*(inner[1] - inner[0]))) / 2,
        )

    def local(self, points: Array) -> tuple[Array, Array]:
        """u along the mouth (-1, 1 at the corners) and v below its centre line, pixels, of (..., 2) points."""
        away = points - self.centre
        return (away @ self.across) / self.half, away @ self.down


@dataclass(frozen=True)
class Lips:
    """Where the upper and the lower lip end: v(u) of both inner edges, equal for a closed mouth.

    at : (n,) u positions, rising, from beyond one corner to beyond the other; upper, lower : (n,) pixels.
    """

    at: Array
    upper: Array
    lower: Array
    open: bool

    def below_upper(self, u: Array, v: Array) -> Array:
        return v - np.interp(u, self.at, self.upper)

    def below_lower(self, u: Array, v: Array) -> Array:
        return v - np.interp(u, self.at, self.lower)


def find_lips(face: Face, frame: MouthFrame, luma: Array) -> Lips:
    """The lips' inner edges; for a closed mouth one seam along the darkest path near the landmarks.

    luma : (height, width) uint8.
    """
    lips = outlined(face, frame)
    if lips.open:
        return lips
    seam = _darkest(luma, frame, lips.at, (lips.upper + lips.lower) / 2)
    return Lips(lips.at, seam, seam, open=False)


def outlined(face: Face, frame: MouthFrame) -> Lips:
    """The lips' inner edges by the landmarks alone."""
    points = face.points[:, :2]
    at = np.linspace(-1.6, 1.6, 129)
    upper = _edge(points[list(lm.LIP_UPPER_INNER)], frame, at)
    lower = np.maximum(_edge(points[list(lm.LIP_LOWER_INNER)], frame, at), upper)
    # They meet at the corners, and beyond them there is one skin.
    middle, apart = (upper + lower) / 2, 1 - smoothstep(np.abs(at), 0.86, 1.0)
    upper, lower = middle + (upper - middle) * apart, middle + (lower - middle) * apart
    inside = np.abs(at) < 0.8
    wide = float((lower - upper)[inside].mean()) >= CLOSED_GAP * frame.unit
    return Lips(at, upper, lower, open=wide)


def _edge(points: Array, frame: MouthFrame, at: Array) -> Array:
    u, v = frame.local(points)
    u = np.maximum.accumulate(u + np.arange(u.size) * 1e-4)
    dense = np.interp(at, u, v)
    # Straight pieces between eleven landmarks would show as corners in a wide-open mouth.
    kernel = np.hanning(9)[1:-1]
    return np.convolve(np.pad(dense, 3, mode="edge"), kernel / kernel.sum(), mode="valid")


def _darkest(luma: Array, frame: MouthFrame, at: Array, guess: Array) -> Array:
    """The darkest smooth path within 0.025 eye distances of a guessed seam, by dynamic programming."""
    reach = max(2.0, 0.025 * frame.unit)
    offsets = np.linspace(-reach, reach, 21)
    v = guess[None, :] + offsets[:, None]
    places = (
        frame.centre + (at * frame.half)[None, :, None] * frame.across + v[..., None] * frame.down
    ).astype(np.float32)
    soft = cv2.GaussianBlur(luma, (0, 0), max(0.6, 0.006 * frame.unit))
    dark = cv2.remap(soft, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cost = dark.astype(np.float64) / 255 + 0.25 * np.abs(offsets / reach)[:, None] ** 2
    outside = smoothstep(np.abs(at), 0.9, 1.05)
    cost = cost * (1 - outside) + outside * np.abs(offsets / reach)[:, None]
    path = _cheapest(cost, 0.12)
    found = guess + offsets[path]
    kernel = np.hanning(13)[1:-1]
    return np.convolve(np.pad(found, 5, mode="edge"), kernel / kernel.sum(), mode="valid")


def _cheapest(cost: Array, bend: float) -> Array:
    """Row index of the cheapest path through the columns, paying `bend` for each row it changes by."""
    rows, columns = cost.shape
    step = bend * np.abs(np.arange(rows)[:, None] - np.arange(rows)[None])
    total, back = cost[:, 0], np.zeros((rows, columns), int)
    for column in range(1, columns):
        options = total[:, None] + step
        back[:, column] = options.argmin(axis=0)
        total = options.min(axis=0) + cost[:, column]
    path = np.empty(columns, int)
    path[-1] = total.argmin()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = back[path[column], column]
    return path


def amounts(
    track: MouthTrack,
    k: int,
    frame: MouthFrame,
    style: Style,
    *,
    close: float = 0.0,
    parted: bool,
) -> Array:
    """How far row k of a track moves a mouth: (len(KINDS),) float64, pixels in the order of KINDS.

    close : of that kind; parted : whether the source's lips may be apart. Lips drawn over its teeth meet a little
    beyond the landmarks and are lightly pressed, or a line of teeth stays.
    """
    unit, breadth = frame.unit, frame.half / frame.unit
    # A broad smile gives way to speech, and has further to go to round its lips.
    narrow = float(np.clip(0.75 * (breadth - 0.18), 0.045, 0.11))
    relaxed = float(np.clip(0.7 * (breadth - 0.275), 0.0, 0.04))
    opening, width, tuck = float(track.opening[k]), float(track.width[k]), float(track.tuck[k])
    gap = opening * WIDEST * unit * style.mouth
    off = min(1.0, opening / 0.06)  # the upper lip rises only off a mouth that is not shut
    raised = (0.009 * float(track.upper[k]) + 0.010 * tuck) * unit * off
    shut = max(0.0, 1 - opening / 0.15) if parted else 0.0
    overlap, press = OVERLAP * unit * shut, max(float(track.press[k]), PRESSED * shut)
    values = {
        "close": close,
        "jaw": OPENED["jaw"] * gap,
        "lower": OPENED["lower"] * gap - overlap - 0.010 * unit * tuck * off,
        "upper": OPENED["upper"] * gap - overlap + raised,
        "width": (0.030 if width > 0 else narrow) * width * unit,
        "pout": (0.022 * float(track.rounding[k]) - 0.012 * press) * unit,
        "roll": 0.014 * tuck * unit,
        "smile": (style.smile - relaxed) * unit,
    }
    return np.array([values[kind] for kind in KINDS])
