"""How fast and how small: each row a render in a warm process of its own, as the site has it.

The floor is decoding and encoding the same frames again, nothing else, timed right after. Size and likeness stand
beside those of x264's preset veryfast at CRF 20 for the same frames, so that speed is not bought with quality.
"""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from jobs.engine import RenderReport, RenderRequest
from jobs.engine.bench import media
from jobs.engine.bench.likeness import likeness, stream_bytes
from jobs.engine.bench.portrait import portrait
from jobs.engine.encode import Mp4Writer
from jobs.engine.process import EngineProcess
from jobs.engine.sources import open_container, video_frames

KINDS = ("image", "video", "two-faces")
LENGTHS = {"3s": 3.0, "10s": 10.0, "30s": 30.0, "10min": 600.0}
# Beside every kind, size and length: the longest speech whose first frame is asked for; pictures of 16:9 (the others
# of one face are square); a video of eight seconds that is played to and fro, as long as the speech.
EXTRA = (
    "image-480p-10s",
    "video-480p-10s",
    "image-720p-30s-wide",
    "video-720p-30s-wide",
    "video-480p-30s-extended",
)
EXTENDED = 8.0  # seconds
# What is asked: processor time a frame, times real time on an idle machine, memory in MB.
ASKED = {
    ("image", 480): (10.0, 4.0, 400),
    ("image", 720): (15.0, 2.5, 450),
    ("video", 480): (20.0, 2.0, 450),
    ("video", 720): (30.0, 1.3, 500),
}
FIRST_FRAME, FIRST_FRAME_SPEECH = 1.5, 10.0  # seconds: asked for speech of at most so many


class Material:
    """What to render, made when it is first needed. image, two : pictures; video : a talking one; each instead of
    what the project makes itself, in every row then."""

    def __init__(
        self, folder: Path, *, image: Path | None = None, video: Path | None = None, two: Path | None = None
    ) -> None:
        self.folder = folder
        self._image, self._video, self._two = image, video, two

    def request(self, name: str) -> RenderRequest:
        """What a row renders."""
        kind, resolution, length, variant = parts(name)
        audio = self._once(f"{length}.wav", lambda path: media.speech(path, LENGTHS[length]))
        if kind == "image":
            model, inputs = "lipsync-image", {"image": self._picture(variant), "audio": audio}
        elif kind == "video":
            model, inputs = "lipsync-video", {"video": self._clip(length, variant), "audio": audio}
        else:
            two = self._two or self._once("two.png", media.two_people)
            model, inputs = "lipsync-image-multi", {"image": two, "left_audio": audio, "right_audio": audio}
        return RenderRequest(model, inputs, self.folder / "made.mp4", resolution=resolution, seed=1)

    def _picture(self, variant: str) -> Path:
        if self._image is not None:
            return self._image
        return self._once("wide.png", media.wide_portrait) if variant == "wide" else portrait()

    def _clip(self, length: str, variant: str) -> Path:
        """A video as long as the speech, but for the variant that is not."""
        if self._video is not None:
            return self._video
        if length == "10min":
            times = round(LENGTHS[length] / LENGTHS["30s"])
            return self._once(
                "10min.mp4", lambda path: media.repeated(self._clip("30s", variant), times, path)
            )
        seconds = EXTENDED if variant == "extended" else LENGTHS[length]
        picture = self._picture(variant)
        return self._once(
            f"{picture.stem}-{seconds:g}s.mp4",
            lambda path: media.talking_video(path, seconds=seconds, picture=picture),
        )

    def _once(self, name: str, make: Callable[[Path], Path]) -> Path:
        path = self.folder / name
        return path if path.exists() else make(path)


def rows(material: Material, names: list[str], *, quality: bool = True) -> Iterator[dict[str, Any]]:
    """One row a name such as "image-480p-30s"."""
    for name in names:
        kind, resolution, length, _ = parts(name)
        asked = ASKED.get((kind, resolution))
        yield row(name, material.request(name), asked, quality=quality and length != "10min")


def all_names(*, long: bool, only: str = "") -> list[str]:
    """only : one name, or a part of those that are meant."""
    lengths = ("3s", "30s", "10min") if long else ("3s", "30s")
    names = [f"{kind}-{size}p-{length}" for length in lengths for kind in KINDS for size in (480, 720)]
    names += EXTRA
    if only in names:
        return [only]
    return [name for name in names if only in name.split("-") or only in name]


def parts(name: str) -> tuple[str, int, str, str]:
    """Kind, resolution, length and variant ("wide", "extended" or none) of a row's name."""
    found = re.fullmatch(r"(.+)-(\d+)p-([^-]+)-?(.*)", name)
    if found is None:
        raise ValueError(f"no row is called {name!r}")
    return found[1], int(found[2]), found[3], found[4]


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
    bars = dict(zip(("cpu_ms_per_frame", "x_realtime", "rss_mb"), asked or (), strict=False))
    if report.seconds <= FIRST_FRAME_SPEECH:
        bars["first_frame_s"] = FIRST_FRAME
    if bars:
        made["asked"] = bars
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
    head = (
        "",
        "size",
        "CPU ms/frame",
        "x real time",
        "floor",
        "MB",
        "first s",
        "kB",
        "x264 kB",
        "SSIM",
        "x264 SSIM",
    )
    lines = [_line(*head)]
    for row in rows:
        sizes = [f"{row[key] // 1000}" if key in row else "" for key in ("video_bytes", "video_bytes_x264")]
        likeness = [f"{row[key]:.4f}" if key in row else "" for key in ("ssim", "ssim_x264")]
        beside = [_beside(row, key) for key in ("cpu_ms_per_frame", "x_realtime")]
        after = [_beside(row, key) for key in ("rss_mb", "first_frame_s")]
        lines.append(
            _line(row["name"], row["size"], *beside, row["floor_x_realtime"], *after, *sizes, *likeness)
        )
    return "\n".join(lines)


def _beside(row: dict[str, Any], key: str) -> str:
    asked = row.get("asked", {})
    return f"{row[key]} ({asked[key]:g})" if key in asked else str(row[key])


def _line(name: str, *cells: Any) -> str:
    widths = (10, 13, 12, 7, 11, 12, 8, 8, 8, 10)
    return f"{name:24}" + "".join(f"{cell!s:>{width}}" for cell, width in zip(cells, widths, strict=True))
