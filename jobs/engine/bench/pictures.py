"""The pictures of docs/engine.md, from the portrait and the synthetic speech that every clone has."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from jobs.engine import metrics
from jobs.engine.arrays import Array
from jobs.engine.bench import media
from jobs.engine.bench.portrait import portrait
from jobs.engine.bench.sheet import sheet, tiles
from jobs.engine.landmarks import MediapipeLandmarks

QUALITY = 85  # of the JPEGs
COLUMNS = 6


def pictures(folder: Path) -> list[Path]:
    """Write them into a folder. Returns the files."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        made = {"engine": _image(work), "engine-video": _video(work), "engine-two": _two(work)}
    return [_written(folder / f"{name}.jpg", picture) for name, picture in made.items()]


def _image(work: Path) -> Array:
    audio = media.speech(work / "image.wav", 6.0)
    inputs = {"image": portrait(), "audio": audio}
    return sheet(_made("lipsync-image", inputs, work / "image.mp4"))


def _video(work: Path) -> Array:
    """The source above, the same moments of the output below."""
    source = media.talking_video(work / "source.mp4", seconds=4.0)
    audio = media.speech(work / "video.wav", 12.0)
    # Another part of the speech than the source says, or both would show the same mouth.
    other = media.write_wav(work / "other.wav", *media.read_wav(audio, 7.0, 11.0))
    output = _made("lipsync-video", {"video": source, "audio": other}, work / "video.mp4")
    before, after = (list(metrics.pictures(path)) for path in (source, output))
    face = MediapipeLandmarks.shared().find(before[0])[0]
    at = np.linspace(8, min(len(before), len(after)) - 8, COLUMNS).astype(int)
    return np.vstack([tiles([frames[k] for k in at], face, COLUMNS) for frames in (before, after)])


def _two(work: Path) -> Array:
    """First the left one speaks, then the right one."""
    audio = media.speech(work / "two.wav", 2.4)
    inputs = {"image": media.two_people(work / "two.png"), "left_audio": audio, "right_audio": audio}
    frames = list(
        metrics.pictures(_made("lipsync-image-multi", inputs, work / "two.mp4", order="left_right"))
    )
    chosen = [frames[k] for k in np.linspace(6, len(frames) - 6, COLUMNS).astype(int)]
    height, width = chosen[0].shape[:2]
    size = (400, round(400 * height / width))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in chosen]
    return np.vstack([np.hstack(small[:3]), np.hstack(small[3:])])


def _made(model: str, inputs: dict[str, Path], output: Path, **fields: str) -> Path:
    media.rendered(model, inputs, output, resolution=720, **fields)
    return output


def _written(path: Path, picture: Array) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return path
