"""What a render does to the picture outside the face: no more than encoding it again would.

Head motion and blinks are off. Both the render and a plain re-encode of the source's frames are compared with the
source at the output's size, outside the box around the head that may move.
"""

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from jobs.engine import metrics
from jobs.engine.arrays import Array
from jobs.engine.bench.sync import Face, make
from jobs.engine.clip import Clip
from jobs.engine.encode import Mp4Writer
from jobs.engine.landmarks import Face as Found
from jobs.engine.landmarks import MediapipeLandmarks
from jobs.engine.picture import Planes, output_size, resized, to_planes
from jobs.engine.sources import open_container, read_picture, video_frames

FRAMES = 50
EVERY = 5
LOST = {"psnr_lost": 1.5, "ssim_lost": 0.005}  # asked, at most: dB, and as it is
ASIDE, ABOVE, BELOW = (
    0.45,
    0.35,
    0.5,
)  # of a face's width and height: what talking may move around its landmarks


def identity(face: Face, audio: Path) -> dict[str, Any]:
    """PSNR and SSIM of luma outside the face, for the render and for the plain re-encode, over some frames."""
    with tempfile.TemporaryDirectory() as folder:
        made, plain = Path(folder) / "made.mp4", Path(folder) / "plain.mp4"
        report = make(face, audio, made, prompt="still head, no blinking")
        sources = list(islice(_sources(face, report.seconds), FRAMES))
        with Mp4Writer(
            plain, width=report.width, height=report.height, fps=_rate(made), sound=audio, max_seconds=3600
        ) as writer:
            for planes in sources:
                writer.write(planes.packed())
        ours, again = (_compared(sources, path) for path in (made, plain))
    lost = {"psnr_lost": round(again[0] - ours[0], 2), "ssim_lost": round(again[1] - ours[1], 4)}
    return {
        "name": f"identity/{face.path.stem}",
        "psnr": round(ours[0], 2),
        "psnr_plain": round(again[0], 2),
        "ssim": round(ours[1], 4),
        "ssim_plain": round(again[1], 4),
        **lost,
        "frames": len(sources[::EVERY]),
        "asked": LOST,
        "met": {name: lost[name] <= most for name, most in LOST.items()},
    }


def _sources(face: Face, seconds: float) -> Iterator[Planes]:
    """The source's frames at the output's size."""
    if face.video:
        yield from (frame.planes for frame in Clip(face.path, resolution=face.resolution, seconds=seconds))
        return
    picture = read_picture(face.path)
    planes = to_planes(resized(picture, *output_size(picture.shape[1], picture.shape[0], face.resolution)))
    for _ in range(round(seconds * 25)):
        yield planes


def _rate(video: Path) -> Any:
    with open_container(video, kind="video") as container:
        return container.streams.video[0].average_rate


def _compared(sources: list[Planes], video: Path) -> tuple[float, float]:
    """Mean PSNR and SSIM outside the faces of every `EVERY`th frame."""
    scores = []
    with open_container(video, kind="video") as container:
        for k, (frame, source) in enumerate(zip(video_frames(container), sources, strict=False)):
            if k % EVERY:
                continue
            luma = frame.to_ndarray()[: frame.height]
            where = outside(MediapipeLandmarks.shared().find(frame.to_ndarray(format="rgb24")), luma.shape)
            scores.append(
                (min(metrics.psnr(luma, source.y, where), 99.0), metrics.ssim(luma, source.y, where))
            )
    psnr, ssim = np.mean(scores, axis=0)
    return float(psnr), float(ssim)


def outside(faces: list[Found], shape: tuple[int, ...]) -> Array:
    """(height, width) bool: False in a box around each face, wide enough for cheeks, hair and throat."""
    where = np.ones(shape[:2], bool)
    for face in faces:
        x, y, width, height = face.box
        top, bottom = max(0, int(y - ABOVE * height)), max(0, int(y + (1 + BELOW) * height))
        where[top:bottom, max(0, int(x - ASIDE * width)) : max(0, int(x + (1 + ASIDE) * width))] = False
    return where
