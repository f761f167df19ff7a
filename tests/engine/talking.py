"""Talking videos, made of the portrait that a dependency ships: what the mouth says in them is known."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from jobs.engine.compose import Portrait
from jobs.engine.landmarks import MediapipeLandmarks
from jobs.engine.motion import Performance
from jobs.engine.mouth import Style
from jobs.engine.sources import read_picture
from jobs.engine.texture import to_rgb
from jobs.engine.visemes import MouthTrack
from tests.engine.samples import portrait

SIDE = 240  # pixels
Change = Callable[[np.ndarray, int], np.ndarray]


def close_up(side: int = SIDE) -> np.ndarray:
    """(side, side, 3) uint8 RGB: head and shoulders of the portrait."""
    return cv2.resize(read_picture(portrait())[0:300, 70:370], (side, side), interpolation=cv2.INTER_AREA)


def babble(frames: int, fps: float = 25, *, hertz: float = 2.2) -> np.ndarray:
    """(frames,) 0..1: how far the mouth of the made video opens."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * hertz * np.arange(frames) / fps)


def talking_pictures(opening: np.ndarray, *, sway: float = 4.0) -> list[np.ndarray]:
    """Pictures of a person who opens the mouth as told and moves by some pixels; (SIDE, SIDE, 3) uint8 RGB."""
    picture = close_up()
    face = MediapipeLandmarks.shared().find(picture)[0]
    person = Portrait(picture, face, style=Style())
    track = MouthTrack.still(opening.size)
    track.opening[:] = opening
    still = Performance(np.zeros((opening.size, 5), np.float32), np.zeros(opening.size, np.float32))
    pictures = []
    for k in range(opening.size):
        drawn = to_rgb(person.draw(track, still, k))
        angle, move = 2.0 * np.sin(k / 9), sway * np.sin(k / 7)
        matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), angle, 1.0 + 0.02 * np.sin(k / 11))
        matrix[:, 2] += (move, 0.5 * move)
        pictures.append(cv2.warpAffine(drawn, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE))
    return pictures


def write_pictures(path: Path, pictures: list[np.ndarray], *, fps: Fraction | int = 25) -> Path:
    """Nearly lossless, in the colours that the engine writes."""
    with av.open(str(path), "w", format="mp4") as output:
        height, width = pictures[0].shape[:2]
        video = output.add_stream("libx264", rate=fps, width=width, height=height, pix_fmt="yuv420p")
        video.options = {"preset": "ultrafast", "crf": "10"}
        for picture in pictures:
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(video.encode())
    return path
