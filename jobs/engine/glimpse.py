"""A quick look through a long video before anything is made of it, at its keyframes alone: is anybody there?

Keyframes decode without the frames between them, and encoders put one where a shot begins. What is refused here would
be refused after the last frame as well.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2

from jobs.engine.arrays import Array
from jobs.engine.errors import InputError
from jobs.engine.landmarks import LandmarkSource
from jobs.engine.limits import DEFAULT, Limits
from jobs.engine.picture import Planes
from jobs.engine.sources import moving, open_container, video_frames
from jobs.engine.upright import Upright, pixel_aspect
from jobs.engine.work import is_under

LONG = 8.0  # seconds: a shorter video is soon made
APART = 0.5  # seconds at least between two looks
BLIND = 2.0  # seconds between two looks, beyond which somebody may be there and is not seen
MOST_DECODED = 300  # keyframes: some cameras write nothing else


def faces_elsewhere(
    path: Path,
    landmarks: LandmarkSource,
    *,
    size: tuple[int, int],
    seconds: float,
    mask: Array | None = None,
    limits: Limits = DEFAULT,
) -> int | None:
    """The most faces seen at once, where no mouth lies under the mask; None where one does, or nobody can be certain.

    size : width and height to look at, those of the mask; seconds : of the video that will be used. The first face
    ends the look: for most videos that is the first frame's.
    """
    most, latest = 0, 0.0
    if seconds < LONG:
        return None
    try:
        for time, planes in glimpses(path, size, limits):
            if time - latest > BLIND:
                return None
            faces = landmarks.find(cv2.cvtColor(planes.packed(), cv2.COLOR_YUV2RGB_I420))
            if any(mask is None or is_under(face, mask) for face in faces):
                return None
            most, latest = max(most, len(faces)), time
            if latest >= seconds - APART:
                break
    except InputError:
        return None  # what is damaged is told of where it matters
    return most if seconds - latest <= BLIND else None


def glimpses(path: Path, size: tuple[int, int], limits: Limits) -> Iterator[tuple[float, Planes]]:
    """Keyframes as the output shows them, with their seconds from the first."""
    with open_container(path, kind="video", limits=limits) as container:
        stream = moving(container)[0]
        stream.codec_context.skip_frame = "NONKEY"
        upright = Upright(*size, pixel_aspect(stream))
        first = latest = None
        for count, frame in enumerate(video_frames(container, limits=limits)):
            if frame.time is None or count == MOST_DECODED:
                return
            first = frame.time if first is None else first
            if (latest is None or frame.time - latest >= APART) and upright.fits(frame):
                latest = frame.time
                yield latest - first, upright.planes(frame)
