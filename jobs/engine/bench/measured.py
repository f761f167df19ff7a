"""The engine's render with its own process measured, for a render process of the benchmark."""

import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.engine import rendering
from jobs.engine.contract import OnProgress, RenderReport, RenderRequest


def render(request: RenderRequest, *, on_progress: OnProgress, **options: Any) -> RenderReport:
    """As `rendering.render`. Its timings hold also `cpu` (of the render, all threads), `wall` and `first` (until
    the first frame was with the encoder), ms, and `peak`, the most memory this process ever had, kB."""
    first: list[float] = []
    begin, spent = time.perf_counter(), time.process_time()

    def told(stage: str, fraction: float) -> None:
        if stage == "frames" and not first:
            first.append(time.perf_counter() - begin)
        on_progress(stage, fraction)

    report = rendering.render(request, on_progress=told, **options)
    measured = {
        "cpu": round(1000 * (time.process_time() - spent)),
        "wall": round(1000 * (time.perf_counter() - begin)),
        "first": round(1000 * first[0]) if first else 0,
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
