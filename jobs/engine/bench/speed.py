"""How fast and how small: each row a render in a warm process of its own, as the site has it.

The floor is decoding and encoding the same frames again, nothing else, timed right after. Size and likeness stand
beside those of x264's preset veryfast at CRF 20 for the same frames, so that speed is not bought with quality.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from jobs.engine import RenderReport, RenderRequest
from jobs.engine.bench import media
from jobs.engine.bench.likeness import likeness, stream_bytes
from jobs.engine.encode import Mp4Writer
from jobs.engine.process import EngineProcess
from jobs.engine.rendering import MODELS
from jobs.engine.sources import open_container, video_frames

KINDS = ("image", "video", "two-faces")
LENGTHS = {"3s": 3.0, "30s": 30.0, "10min": 600.0}
# ENGINE.md, "what is asked": processor time a frame, times real time on an idle machine, memory in MB.
ASKED = {
    ("image", 480): (10.0, 4.0, 400),
    ("image", 720): (15.0, 2.5, 450),
    ("video", 480): (20.0, 2.0, 450),
    ("video", 720): (30.0, 1.3, 500),
}
FIRST_FRAME, FIRST_FRAME_SPEECH = 1.5, 10.0  # seconds: asked for speech of at most so many


@dataclass(frozen=True)
class Material:
    """What to render. image and two : pictures; video : a talking one."""

    image: Path
    video: Path
    two: Path

    def inputs(self, kind: str, audio: Path) -> tuple[str, dict[str, Path]]:
        """The model's name and its inputs."""
        if kind == "image":
            return "lipsync-image", {"image": self.image, "audio": audio}
        if kind == "video":
            return "lipsync-video", {"video": self.video, "audio": audio}
        return "lipsync-image-multi", {"image": self.two, "left_audio": audio, "right_audio": audio}


def rows(
    folder: Path, material: Material, names: list[str], *, quality: bool = True
) -> Iterator[dict[str, Any]]:
    """One row a name such as "image-480p-30s"."""
    voices: dict[str, Path] = {}
    for name in names:
        kind, resolution, length = parts(name)
        if length not in voices:
            voices[length] = media.speech(folder / f"{length}.wav", LENGTHS[length])
        model, inputs = material.inputs(kind, voices[length])
        request = RenderRequest(model, inputs, folder / "made.mp4", resolution=resolution, seed=1)
        if model not in MODELS:
            yield {"name": name, "skipped": f"this engine has no {model}"}
            continue
        yield row(name, request, ASKED.get((kind, resolution)), quality=quality and length != "10min")


def all_names(*, long: bool, only: str = "") -> list[str]:
    lengths = [length for length in LENGTHS if long or length != "10min"]
    names = [f"{kind}-{size}p-{length}" for length in lengths for kind in KINDS for size in (480, 720)]
    return [name for name in names if only in name.split("-") or only in name]


def parts(name: str) -> tuple[str, int, str]:
    """Kind, resolution and length of a row's name."""
    kind, resolution, length = name.rsplit("-", 2)
    return kind, int(resolution.rstrip("p")), length


def row(
    name: str, request: RenderRequest, asked: tuple[float, float, int] | None, *, quality: bool
) -> dict[str, Any]:
    report = warm_render(request)
    measured = report.timings
    floor = again(request.output, report)
    made = {
        "name": name,
        "cpu_ms_per_frame": round(measured["cpu"] / report.frames, 1),
        "x_realtime": round(1000 * report.seconds / measured["wall"], 2),
        "floor_x_realtime": round(report.seconds / floor, 2),
        "rss_mb": measured["peak"] // 1024,
        "first_frame_s": round(measured["first"] / 1000, 2),
        "size": f"{report.width}x{report.height}",
        "frames": report.frames,
        "video_bytes": stream_bytes(request.output),
    }
    if asked:
        names = ("cpu_ms_per_frame", "x_realtime", "rss_mb")
        first = {"first_frame_s": FIRST_FRAME} if report.seconds <= FIRST_FRAME_SPEECH else {}
        made["asked"] = {**dict(zip(names, asked, strict=True)), **first}
    if quality:
        made |= likeness(request)
    return made


def warm_render(request: RenderRequest) -> RenderReport:
    """A render in a fresh process that has made one short video of the same kind before."""
    quiet: dict[str, Any] = {"on_progress": lambda stage, fraction: None, "is_canceled": lambda: False}
    with (
        tempfile.TemporaryDirectory() as folder,
        EngineProcess(render="jobs.engine.bench.measured:render", nice=0) as process,
    ):
        short = media.speech(Path(folder) / "short.wav", 0.5)
        inputs = {name: short if "audio" in name else path for name, path in request.inputs.items()}
        warming = replace(request, inputs=inputs, output=Path(folder) / "warm.mp4")
        process.render(warming, cpu_seconds=600, **quiet)
        return process.render(request, cpu_seconds=36_000, **quiet)


def again(made: Path, report: RenderReport) -> float:
    """Seconds to decode and encode the frames of a video, its sound beside them."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        with open_container(made, kind="video") as container:
            rate = Fraction(container.streams.video[0].average_rate or 25)
            size = {"width": report.width, "height": report.height}
            with Mp4Writer(Path(folder) / "a.mp4", **size, fps=rate, sound=made, max_seconds=3600) as writer:
                for frame in video_frames(container):
                    writer.write(frame.to_ndarray())
        return time.perf_counter() - begin


def table(rows: list[dict[str, Any]]) -> str:
    """Rows for a person, what is asked in brackets."""
    head = ("", "CPU ms/frame", "x real time", "floor", "MB", "first s", "kB", "x264 kB", "SSIM", "x264 SSIM")
    lines = [_line(*head)]
    for row in rows:
        if "skipped" in row:
            lines.append(f"{row['name']:18}  skipped: {row['skipped']}")
            continue
        sizes = [f"{row[key] // 1000}" if key in row else "" for key in ("video_bytes", "video_bytes_x264")]
        likeness = [f"{row[key]:.4f}" if key in row else "" for key in ("ssim", "ssim_x264")]
        beside = [_beside(row, key) for key in ("cpu_ms_per_frame", "x_realtime")]
        after = [_beside(row, key) for key in ("rss_mb", "first_frame_s")]
        lines.append(_line(row["name"], *beside, row["floor_x_realtime"], *after, *sizes, *likeness))
    return "\n".join(lines)


def _beside(row: dict[str, Any], key: str) -> str:
    asked = row.get("asked", {})
    return f"{row[key]} ({asked[key]:g})" if key in asked else str(row[key])


def _line(name: str, *cells: Any) -> str:
    widths = (13, 12, 7, 11, 12, 8, 8, 8, 10)
    return f"{name:18}" + "".join(f"{cell!s:>{width}}" for cell, width in zip(cells, widths, strict=True))
