"""The portrait that a dependency ships, and small media made on the spot."""

from pathlib import Path

import numpy as np

from jobs.engine import RenderReport, RenderRequest
from jobs.engine.audio import Phone
from jobs.engine.bench.media import write_wav
from jobs.engine.bench.portrait import portrait
from jobs.engine.rendering import render

__all__ = ["Script", "make", "portrait", "tone"]


class Script:
    """A phone source that knows what is said, for the one recording it was made for."""

    def __init__(self, phones: list[Phone]) -> None:
        self._phones = phones

    def phones(self, samples: np.ndarray) -> list[Phone]:
        return self._phones


def tone(path: Path, *, seconds: float = 1.0, level: float = 0.3, rate: int = 16000) -> Path:
    """A mono WAV: a vowel-like buzz at 120 Hz; `level` 0 is silence."""
    time = np.arange(int(seconds * rate)) / rate
    sound = level * sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 8)) / 2
    return write_wav(path, np.clip(sound, -1, 1) * 32767, rate)


def make(
    image: Path, audio: Path, output: Path, *, phones: list[Phone] | None = None, **fields
) -> RenderReport:
    """A render of `image` and `audio`; `fields` go to the request, `mask_image` to its inputs."""
    inputs = {"image": image, "audio": audio}
    if mask := fields.pop("mask_image", None):
        inputs["mask_image"] = mask
    return render(
        RenderRequest(model="lipsync-image", inputs=inputs, output=output, **fields),
        on_progress=lambda stage, fraction: None,
        is_canceled=lambda: False,
        phones=None if phones is None else Script(phones),
    )
