"""The engine's render with its own process measured, for a render process of the benchmark."""

import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.engine import rendering
from jobs.engine.arrays import Array
from jobs.engine.contract import RenderReport, RenderRequest
from jobs.engine.encode import Mp4Writer


class TimedWriter(Mp4Writer):
    """A writer that notes when the first picture was in the file, on `time.perf_counter`; None before."""

    first: float | None = None

    def write(self, packed: Array) -> None:
        super().write(packed)
        if self.first is None and self.packets:
            self.first = time.perf_counter()


def render(request: RenderRequest, **options: Any) -> RenderReport:
    """As `rendering.render`. Its timings hold also `cpu` (of the render, all threads), `wall` and `first` (from the
    call until the first picture had left the encoder; of a video so short that none did before its end, all), ms, and
    `peak`, the most memory this process ever had, kB."""
    writers: list[TimedWriter] = []

    def opened(*arguments: Any, **settings: Any) -> TimedWriter:
        writers.append(TimedWriter(*arguments, **settings))
        return writers[0]

    begin, spent = time.perf_counter(), time.process_time()
    report = rendering.render(request, open_output=opened, **options)
    end = time.perf_counter()
    measured = {
        "cpu": round(1000 * (time.process_time() - spent)),
        "wall": round(1000 * (end - begin)),
        "first": round(1000 * ((writers[0].first or end) - begin)),
        "peak": _peak(),
    }
    return replace(report, timings={**report.timings, **measured})


def _peak() -> int:
    """The most memory in use, kB. What getrusage says would count the parent's too: it survives an exec."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
