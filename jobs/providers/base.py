"""What makes videos: a provider takes one job's inputs and answers with an outcome. Providers never read settings."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jobs.engine.contract import IsCanceled, OnProgress, RenderReport


@dataclass(frozen=True)
class RunContext:
    """Everything that a provider may know of one attempt at a job."""

    job_id: uuid.UUID
    attempt: int
    model: str
    values: Mapping[str, Any]  # the validated formState
    inputs: Mapping[str, Path]  # its media, as local files that were probed
    seconds: float  # of output
    max_seconds: float
    seed: int
    folder: Path  # for temporary files; removed afterwards
    on_progress: OnProgress
    is_canceled: IsCanceled


@dataclass(frozen=True)
class Errand:
    """What another server is told of a job."""

    job_id: uuid.UUID
    model: str
    values: Mapping[str, Any]  # the validated formState
    addresses: Mapping[str, str]  # where it fetches the media, by field
    seed: int
    callback: str  # whom it calls at the end; "" for nobody


@dataclass(frozen=True)
class Done:
    """The video is here."""

    file: Path
    report: RenderReport


@dataclass(frozen=True)
class Accepted:
    """Somebody else makes it, and will say so by webhook or when asked."""

    external_id: str


@dataclass(frozen=True)
class Failed:
    """It cannot be made; trying again would not help."""

    code: str
    sentence: str


Outcome = Done | Accepted | Failed


class Provider(Protocol):
    def run(self, context: RunContext) -> Outcome:
        """Make the video or hand it on. Raises engine.errors.Canceled, and EngineDied when trying again may help."""
        ...


class Elsewhere(Protocol):
    def send(self, errand: Errand) -> Outcome:
        """Have the job made by another server: Accepted or Failed."""
        ...
