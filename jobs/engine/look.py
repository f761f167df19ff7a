"""What the engine would see or hear in a file, before anybody pays for a render of it.

`look` and `picture_of` ask a short-lived process (`confined`). What is seen is judged as a render at 480p would.
"""

import base64
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.engine import confined
from jobs.engine.formats import Kind
from jobs.engine.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from jobs.engine.arrays import Array
    from jobs.engine.landmarks import Face

MEMORY = 3 * 1024**3  # bytes of address space: the face models with 40 megapixels
RESOLUTION = 480  # pixels of the shorter side at which faces are judged
PICTURE = 720  # pixels of the shorter side of `picture_of`: masks are painted on it
QUALITY = 88  # of its JPEG
MOST_FACES = 12
MOST_GLIMPSES = 12  # further pictures of a video whose first one shows nobody
DIGITS = 4  # of a fraction of the picture
CORNERS = 40  # of the outline of what moves with a head
# A recording that is cut off stays at the end of the scale for a few samples on end.
CLIPPED = 32_600  # of 32,768
CLIPPED_RUN = 3  # samples at 16 kHz


def look(path: Path, *, kind: Kind, limits: Limits = DEFAULT) -> dict[str, Any]:
    """What a file shows or says, as JSON.

    Of a picture, or of a video's first picture: `faces`, largest first, with all places in fractions of width and
    height: `outline` and `region` (what moves with this head, and no other's) as lists of [x, y], `mouth` [x, y],
    `middle` that of its box across, and `eyes`, the pixels between the outer eye corners at 480p; `least`, how many
    of these a face needs to be animated there; `width` and `height` in pixels as shown; and, for a video whose first
    picture shows nobody, `later`, the seconds at which somebody was seen, or None.

    Of a recording: `seconds`, `spoken` (seconds in which somebody speaks), `loudest` (dB of full scale that the
    speech reaches) and `clipped` (the share of what is spoken that is cut off).

    Raises InputError and EngineDied, as `confined.ask`.
    """
    return confined.ask("jobs.engine.look", path, kind=kind, limits=limits)


def picture_of(path: Path, *, kind: Kind, limits: Limits = DEFAULT) -> bytes:
    """A JPEG of a picture, or of a video's first one: upright, its shorter side at most 720 pixels, no metadata.

    Raises as `look`.
    """
    answer = confined.ask("jobs.engine.look", path, kind=kind, limits=limits, words=f"picture-of-{kind}")
    return base64.b64decode(answer["jpeg"])


# From here on: inside the process.


def _work(path: Path, words: str, limits: Limits) -> dict[str, Any]:
    if words == "audio":
        return _listen(path, limits)
    kind = words.removeprefix("picture-of-")
    if kind != words:
        return {"jpeg": _jpeg(_shown(path, kind, limits, PICTURE, grow=False))}
    _leave_out_matplotlib()
    from jobs.engine.landmarks import MediapipeLandmarks

    picture = _shown(path, kind, limits, RESOLUTION)
    landmarks = MediapipeLandmarks.shared()
    found = landmarks.find(picture)[:MOST_FACES]
    seen = {**_faces(found, picture), "width": picture.shape[1], "height": picture.shape[0]}
    if kind == "video" and not found:
        seen["later"] = _later(path, landmarks, picture, limits)
    return seen


def _leave_out_matplotlib() -> None:
    """mediapipe imports it to draw charts, which nobody asks for: half of its start, and a cache in the home folder."""
    for name in ("matplotlib", "matplotlib.pyplot"):
        sys.modules.setdefault(name, types.ModuleType(name))


def _shown(path: Path, kind: str, limits: Limits, resolution: int, *, grow: bool = True) -> "Array":
    """(height, width, 3) uint8 RGB as the output shows it at that resolution, or smaller where it must not `grow`."""
    from jobs.engine.picture import output_size, resized
    from jobs.engine.sources import moving, open_container, read_picture, video_frames
    from jobs.engine.texture import to_rgb
    from jobs.engine.upright import Upright, pixel_aspect, shown_size, turn_of

    if kind == "image":
        picture = read_picture(path, limits=limits)
        height, width = picture.shape[:2]
        side = resolution if grow else min(resolution, width, height)
        return resized(picture, *output_size(width, height, side))
    with open_container(path, kind="video", limits=limits) as container:
        frame = next(video_frames(container, limits=limits))
        aspect = pixel_aspect(moving(container)[0])
        width, height = shown_size(frame, aspect, turn_of(frame))
        side = resolution if grow else min(resolution, width, height)
        return to_rgb(Upright(*output_size(width, height, side), aspect).planes(frame))


def _faces(found: list["Face"], picture: "Array") -> dict[str, Any]:
    from jobs.engine.work import FEWEST_PIXELS

    return {"faces": [_face(face, found, picture) for face in found], "least": FEWEST_PIXELS}


def _face(face: "Face", found: list["Face"], picture: "Array") -> dict[str, Any]:
    from jobs.engine.landmarks import FOREHEAD, JAW

    points = face.points[:, :2]
    return {
        "outline": _fractions(points[[*JAW, *FOREHEAD]], picture),
        "region": _fractions(_region(face, found), picture),
        "mouth": _fractions(points[[13, 14, 61, 291]].mean(axis=0, keepdims=True), picture)[0],
        "middle": round((face.box[0] + face.box[2] / 2) / picture.shape[1], DIGITS),
        "eyes": round(face.eye_distance, 1),
    }


def _region(face: "Face", found: list["Face"]) -> "Array":
    """(n, 2): the outline of what moves with a head, up to the lines where other heads begin."""
    import numpy as np

    from jobs.engine.head import head_region
    from jobs.engine.territory import divided

    low, high = head_region(face)
    turns = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    # A circle drawn out towards the corners, as a head with its hair and neck fills its box.
    region = (low + high) / 2 + np.sign(circle) * np.sqrt(np.abs(circle)) * (high - low) / 2
    for other in found:
        if other is not face:
            territory, _ = divided(face, other)
            region = _within(region, territory.origin, territory.inwards)
    return region


def _within(outline: "Array", origin: "Array", inwards: "Array") -> "Array":
    """An outline without what lies beyond a line. I. Sutherland and G. Hodgman, "Reentrant polygon clipping", 1974."""
    import numpy as np

    kept = []
    depths = (outline - origin) @ inwards
    for at in range(len(outline)):
        one, other = outline[at - 1], outline[at]
        if (depths[at - 1] < 0) != (depths[at] < 0):
            kept.append(one + (other - one) * depths[at - 1] / (depths[at - 1] - depths[at]))
        if depths[at] >= 0:
            kept.append(other)
    return np.array(kept).reshape(-1, 2)


def _fractions(points: "Array", picture: "Array") -> list[list[float]]:
    """Pixels, (n, 2), as fractions of width and height, none of them outside."""
    shares = (points / [picture.shape[1], picture.shape[0]]).clip(0, 1)
    return [[round(float(value), DIGITS) for value in place] for place in shares]


def _later(path: Path, landmarks: Any, picture: "Array", limits: Limits) -> float | None:
    """The seconds at which one of the video's keyframes shows somebody."""
    from jobs.engine.glimpse import glimpses
    from jobs.engine.texture import to_rgb

    size = (picture.shape[1], picture.shape[0])
    for count, (seconds, planes) in enumerate(glimpses(path, size, limits)):
        if landmarks.find(to_rgb(planes)):
            return round(float(seconds), 1)
        if count == MOST_GLIMPSES:
            break
    return None


def _jpeg(picture: "Array") -> str:
    import cv2

    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return base64.b64encode(data.tobytes()).decode()


def _listen(path: Path, limits: Limits) -> dict[str, Any]:
    from jobs.engine.audio import HOP, LEVELS, loudest, read_speech

    speech = read_speech(path, max_seconds=limits.seconds, is_canceled=lambda: False)
    spoken = int(speech.active.sum())
    return {
        "seconds": round(speech.seconds, 2),
        "spoken": round(spoken / LEVELS, 2),
        "loudest": round(loudest(speech.level), 1),
        "clipped": round(_clipped(speech.samples) / max(spoken * HOP, 1), 5),
    }


def _clipped(samples: "Array") -> int:
    """How many samples lie at the end of the scale together with their neighbours."""
    import numpy as np

    from jobs.engine.audio import runs

    full = (samples >= CLIPPED) | (samples <= -CLIPPED)
    if not np.any(full):
        return 0
    return sum(end - start for start, end in runs(full) if end - start >= CLIPPED_RUN)


if __name__ == "__main__":
    confined.reply(sys.argv[1:], _work, memory=MEMORY)
