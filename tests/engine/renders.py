"""Stand-ins for the render function, run by the real render process: each one misbehaves in its own way."""

import ctypes
import os
import sys
import time

from jobs.engine.contract import RenderReport, RenderRequest
from jobs.engine.errors import Canceled, InputError


def report(request: RenderRequest, **fields) -> RenderReport:
    return RenderReport(
        frames=1, fps=25.0, seconds=0.04, width=480, height=480, seed=request.seed, faces=1, **fields
    )


def quick(request, *, on_progress, is_canceled):
    """Reports its own process number as a warning, and the environment's names as words."""
    on_progress("warp", 0.5)
    request.output.write_text(request.prompt)
    return report(request, warnings=[str(os.getpid())], prompt_words=sorted(os.environ))


def patient(request, *, on_progress, is_canceled):
    """Works until it is canceled, telling its process number by the name of its stage."""
    while not is_canceled():
        on_progress(str(os.getpid()), 0.5)
        time.sleep(0.02)
    raise Canceled


def deaf(request, *, on_progress, is_canceled):
    on_progress(str(os.getpid()), 0.5)
    time.sleep(600)


def spinning(request, *, on_progress, is_canceled):
    while True:
        pass


def stuck_reading(request, *, on_progress, is_canceled):
    on_progress("read", 0.0)
    time.sleep(600)


def spinning_over_frames(request, *, on_progress, is_canceled):
    on_progress("frames", 0.5)
    while True:
        pass


def hungry(request, *, on_progress, is_canceled):
    return bytearray(16 * 1024**3)


def wordy(request, *, on_progress, is_canceled):
    with request.output.open("wb") as file:
        for _ in range(1024):
            file.write(bytes(1024**2))


def refusing(request, *, on_progress, is_canceled):
    raise InputError("no_face", "No face was found in the picture. Send one that shows a face.")


def failing(request, *, on_progress, is_canceled):
    raise RuntimeError("the tripod fell")


def printing(request, *, on_progress, is_canceled):
    sys.stdout.write('{"event": "done"}\n')
    os.write(1, b"from a C library\n")
    return report(request)


def aborting(request, *, on_progress, is_canceled):
    sys.stderr.write("x" * 1_000_000 + " the last words")
    sys.stderr.flush()
    ctypes.string_at(0)


def babbling(request, *, on_progress, is_canceled):
    on_progress("warp", float("nan"))
    on_progress("ü" * 100_000, 1)
    return report(request)
