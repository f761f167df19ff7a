"""Figures about the engine, each from one command.

    python -m jobs.engine.bench speed PICTURE AUDIO [--resolution 720]
    python -m jobs.engine.bench sync PICTURE AUDIO LABELS.json [AUDIO LABELS.json ...]
    python -m jobs.engine.bench sheet VIDEO OUT.png

Labels are `[[start, end, phone], ...]` in seconds and ARPABET. `speed` and `sync` print one JSON line a row.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: as the render process has it

import cv2
import numpy as np

from jobs.engine import RenderReport, RenderRequest, metrics, render
from jobs.engine.arrays import Array
from jobs.engine.audio import Phone
from jobs.engine.encode import Mp4Writer
from jobs.engine.landmarks import MediapipeLandmarks
from jobs.engine.sources import open_container, video_frames

SHEET = (6, 3)  # columns and rows
TILE = 200  # pixels


def speed(picture: Path, audio: Path, resolution: int) -> dict[str, Any]:
    """One warm render, and the floor: decoding and encoding the same frames again, nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        made, again = Path(folder) / "made.mp4", Path(folder) / "again.mp4"
        _make(picture, audio, made, resolution)  # loads the models
        wall, spent = time.perf_counter(), time.process_time()
        report = _make(picture, audio, made, resolution)
        wall, spent = time.perf_counter() - wall, time.process_time() - spent
        floor = _floor(made, again, audio, report)
    return {
        "name": f"image-{resolution}p-{report.seconds:.0f}s",
        "size": f"{report.width}x{report.height}",
        "cpu_ms_per_frame": round(1000 * spent / report.frames, 1),
        "x_realtime": round(report.seconds / wall, 2),
        "floor_x_realtime": round(report.seconds / floor, 2),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "timings": report.timings,
    }


def _make(picture: Path, audio: Path, output: Path, resolution: int = 480) -> RenderReport:
    request = RenderRequest(
        "lipsync-image", {"image": picture, "audio": audio}, output, resolution=resolution, seed=1
    )
    return render(request, on_progress=lambda stage, fraction: None, is_canceled=lambda: False)


def _floor(source: Path, target: Path, audio: Path, report: RenderReport) -> float:
    start = time.perf_counter()
    size = {"width": report.width, "height": report.height, "fps": int(report.fps)}
    with (
        open_container(source, kind="video") as container,
        Mp4Writer(target, sound=audio, max_seconds=3600, **size) as writer,
    ):
        for frame in video_frames(container):
            writer.write(frame.to_ndarray())
    return time.perf_counter() - start


def sync(picture: Path, pairs: list[tuple[Path, Path]]) -> list[dict[str, Any]]:
    """A row a recording and a pooled one, with the negative controls beside each figure."""
    clips = [_Clip(picture, audio, _labels(labels)) for audio, labels in pairs]
    rows = [clip.row() for clip in clips]
    hits = [hit for clip in clips for hit in clip.closures.hits]
    chance = np.mean([clip.closures.chance for clip in clips for _ in clip.closures.hits]) if hits else 0.0
    openings = np.sum([clip.openings for clip in clips], axis=0)
    pooled: dict[str, Any] = {
        "name": "pooled",
        "clips": len(clips),
        "r": round(float(np.mean([clip.sync.r for clip in clips])), 3),
        "r_interval": [round(v, 3) for v in metrics.interval([clip.sync.r for clip in clips])],
        "lags": sorted({clip.sync.lag for clip in clips}),
        "j": round(float(np.mean(hits) - chance), 3) if hits else None,
        "closures": len(hits),
        "false_openings": f"{openings[0]} of {openings[1]}",
    }
    if len(clips) > 1:
        others = [
            metrics.sync(a.opening, b.wanted(a)).r for a, b in zip(clips, clips[1:] + clips[:1], strict=True)
        ]
        pooled["wrong_audio_r"] = round(float(np.mean(others)), 3)
    for name in ("reversed", "flapping", "frozen"):
        scores = [clip.controls[name] for clip in clips]
        pooled[f"{name}_r"] = round(float(np.mean([r for r, _ in scores])), 3)
        pooled[f"{name}_j"] = round(float(np.mean([j for _, j in scores])), 3)
    return [*rows, pooled]


class _Clip:
    def __init__(self, picture: Path, audio: Path, phones: list[Phone]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "made.mp4"
            self._fps = _make(picture, audio, output).fps
            self.opening = metrics.aperture(metrics.pictures(output))
        self._name, self._phones = audio.stem, phones
        wanted = self.wanted(self)
        self.sync = metrics.sync(self.opening, wanted)
        self.closures = metrics.closures(self.opening, phones, self._fps)
        self.openings = metrics.false_openings(self.opening, phones, self._fps)
        self.controls = {
            name: (metrics.sync(motion, wanted).r, metrics.closures(motion, phones, self._fps).j)
            for name, motion in metrics.controls(self.opening, self._fps).items()
        }

    def wanted(self, other: "_Clip") -> Array:
        """What this clip's phones ask for, over the length of another's."""
        return metrics.truth(self._phones, other.opening.size, self._fps)

    def row(self) -> dict[str, Any]:
        return {
            "name": self._name,
            "r": round(self.sync.r, 3),
            "lag": self.sync.lag,
            "j": round(self.closures.j, 3),
            "closures": len(self.closures.hits),
            "range": round(metrics.opening_range(self.opening), 3),
        }


def _labels(path: Path) -> list[Phone]:
    return [Phone(name, float(start), float(end)) for start, end, name in json.loads(path.read_text())]


def sheet(video: Path) -> Array:
    """Faces of a video side by side, evenly spread over it: (rows * 200, columns * 200, 3) uint8 RGB."""
    frames = list(metrics.pictures(video))
    face = MediapipeLandmarks.shared().find(frames[0])[0]
    x, y = face.points[4, :2]
    half = 0.95 * max(face.box[2], face.box[3]) / 2 + 0.1 * face.eye_distance
    columns, rows = SHEET
    tiles = []
    for k in np.linspace(0, len(frames) - 1, columns * rows).astype(int):
        scale = TILE / (2 * half)
        matrix = np.array([[scale, 0, TILE / 2 - x * scale], [0, scale, TILE / 2 - y * scale]], np.float32)
        tiles.append(cv2.warpAffine(frames[k], matrix, (TILE, TILE), flags=cv2.INTER_CUBIC))
    return np.vstack([np.hstack(tiles[row * columns : (row + 1) * columns]) for row in range(rows)])


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.engine.bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fast = commands.add_parser("speed")
    fast.add_argument("picture", type=Path)
    fast.add_argument("audio", type=Path)
    fast.add_argument("--resolution", type=int, default=480)
    true = commands.add_parser("sync")
    true.add_argument("picture", type=Path)
    true.add_argument("pairs", type=Path, nargs="+", help="AUDIO LABELS.json, again and again")
    look = commands.add_parser("sheet")
    look.add_argument("video", type=Path)
    look.add_argument("output", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "sheet":
        cv2.imwrite(str(options.output), cv2.cvtColor(sheet(options.video), cv2.COLOR_RGB2BGR))
        return
    if options.command == "speed":
        rows = [speed(options.picture, options.audio, options.resolution)]
    else:
        pairs = options.pairs
        rows = sync(options.picture, list(zip(pairs[::2], pairs[1::2], strict=True)))
    for row in rows:
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
