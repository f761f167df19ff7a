"""Telling a mouth from a hand or a microphone before it, by the colours around it.

A face mesh draws a mouth onto whatever covers it, and is sure of it. But the skin around a mouth and the red of its
lips keep their colours while it speaks, beside those of the upper face.
"""

import cv2
import numpy as np

from jobs.engine.arrays import Array

# Mean change of the logarithm of colours, each at most `MOST`. In talking videos it stays below 0.08, with a hand or
# a microphone before the mouth it is above 0.13.
COVERED, FREE, MOST = 0.13, 0.10, 0.6
USUAL_SECONDS = 0.8  # in which the usual look follows slow changes
DOUBTED_SECONDS, TRUSTED_SECONDS = 0.4, 3.0  # after which another look becomes the usual one: see `Cover`
RED, DIM = 0.04, -0.08  # how lips stand out from the skin around them, of any person: redder, or darker
DARK = 8.0  # of 255, added to every colour: in the dark a ratio says little

# Places around the mouth where skin (or a beard) shows whatever is said; the middles of both lips' red, each between
# two landmarks; and places of the upper face beside which they are judged.
_AROUND = (
    *(164, 167, 393, 165, 391, 92, 322, 216, 436, 57, 287, 43, 273, 106, 335, 182, 406, 18, 200, 199),
    *(212, 432, 202, 422, 204, 424, 208, 428, 175, 171, 396),
)
_RED = (
    *((0, 13), (37, 82), (267, 312), (39, 81), (269, 311)),
    *((17, 14), (84, 87), (314, 317), (181, 178), (405, 402)),
)
_ABOVE = (50, 280, 101, 330, 36, 266, 197, 6, 151, 9)


def appearance(rgb: Array, points: Array) -> Array:
    """Colours around the mouth against those of the upper face.

    rgb : (side, side, 3) uint8; points : (478, 3) in its pixels. Returns (n, 3) float32: the logarithm of each
    place's colour over the median colour of the upper face, so that light on the whole face changes nothing.
    The last places are those of the lips.
    """
    soft = cv2.blur(rgb, (5, 5))
    red = points[np.array(_RED), :2].mean(axis=1)
    at = np.concatenate([points[list(_ABOVE), :2], points[list(_AROUND), :2], red])
    at = np.clip(np.rint(at).astype(int), 0, rgb.shape[0] - 1)
    colour = np.log(soft[at[:, 1], at[:, 0]].astype(np.float32) + np.float32(DARK))
    return colour[len(_ABOVE) :] - np.median(colour[: len(_ABOVE)], axis=0)


class Cover:
    """Compares every frame's look with the usual one of its shot.

    What is there first is usual. Another look becomes usual when it shows lips and stays: soon where the usual one
    showed none (a clip that begins with a hand before the mouth), late where it did.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self.restart()

    def restart(self) -> None:
        self._usual: Array | None = None
        self._frames = self._strange = 0
        self._covered = False

    def at(self, look: Array) -> bool:
        """Whether something is before the mouth. look : see `appearance`."""
        if self._usual is None:
            self._usual = look.copy()
        change = np.abs(look - self._usual).max(axis=1)
        self._covered = float(np.minimum(change, MOST).mean()) > (FREE if self._covered else COVERED)
        if not self._covered:
            self._frames, self._strange = self._frames + 1, 0
            self._usual += (look - self._usual) / min(self._frames, max(1.0, USUAL_SECONDS * self._fps))
            return False
        self._strange += 1
        wait = TRUSTED_SECONDS if shows_lips(self._usual) else DOUBTED_SECONDS
        if shows_lips(look) and self._strange > wait * self._fps:
            self.restart()
        return True


def shows_lips(look: Array) -> bool:
    skin, lips = look[: len(_AROUND)], look[len(_AROUND) :]
    redder = np.median(lips[:, 0] - lips[:, 1]) - np.median(skin[:, 0] - skin[:, 1])
    darker = np.median(lips.mean(axis=1)) - np.median(skin.mean(axis=1))
    return bool(redder > RED or darker < DIM)
