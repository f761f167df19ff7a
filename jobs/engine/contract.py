"""The engine's public types: what a render is asked for and what it reports."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

# Who of two people speaks when: both at once, or one after the other.
ORDERS = ("meanwhile", "left_right", "right_left")


class OnProgress(Protocol):
    """Called a few times a second with the stage's name and the whole job's fraction done, 0 to 1."""

    def __call__(self, stage: str, fraction: float) -> None: ...


class IsCanceled(Protocol):
    """Asked a few times a second; True ends the render with `Canceled`."""

    def __call__(self) -> bool: ...


@dataclass(frozen=True)
class RenderRequest:
    """One render. Paths are local files whose names carry no meaning: content decides the format."""

    model: str  # "lipsync-image", "lipsync-video", "lipsync-image-multi"
    # By the catalog's field names: image and audio; video and audio; image, left_audio and right_audio, one of
    # which may be missing. mask_image where given.
    inputs: dict[str, Path]
    output: Path  # the MP4 to write; its folder exists
    resolution: int = 480  # pixels of the output's shorter side: 480 or 720
    seed: int = 0  # 0..2147483647; the same inputs and seed give the same frames, bit for bit
    prompt: str = ""
    max_seconds: float = 600.0  # of output
    order: str = "meanwhile"  # one of `ORDERS`; only two people have one

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["inputs"] = {name: str(path) for name, path in self.inputs.items()}
        data["output"] = str(self.output)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RenderRequest":
        inputs = {name: Path(path) for name, path in data["inputs"].items()}
        return cls(**{**data, "inputs": inputs, "output": Path(data["output"])})


@dataclass(frozen=True)
class RenderReport:
    """What was made. `timings` maps a stage's name to whole milliseconds; `warnings` holds stable codes."""

    frames: int
    fps: float
    seconds: float
    width: int
    height: int
    seed: int
    faces: int
    timings: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    prompt_words: list[str] = field(default_factory=list)  # those of the prompt that changed the performance

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RenderReport":
        return cls(**data)
