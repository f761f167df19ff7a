"""What the renders of every model share: inputs that are read alike, progress, cancels, timings, the report."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.audio import PHONES, PhoneSource, Speech, hear, read_speech
from jobs.engine.contract import IsCanceled, OnProgress, RenderReport, RenderRequest
from jobs.engine.encode import Mp4Writer, Sound
from jobs.engine.errors import Canceled, InputError
from jobs.engine.landmarks import Face, LandmarkSource
from jobs.engine.picture import Planes, output_size, resized, resized_mask
from jobs.engine.prompt import EVERYTHING, read_prompt
from jobs.engine.sources import read_picture
from jobs.engine.visemes import MouthTrack, mouth_track

# The encoder has a thread of its own beside this one; OpenCV's pool on top only costs processor time.
cv2.setNumThreads(1)

HEARING = 0.15  # of the progress shown: faces and phones, before the first frame
FEWEST_PIXELS = 24  # between the outer eye corners, in the output


class Work:
    """One render. A model's class has `run`, which calls these parts in its own order.

    directs : what of a performance the model makes, so that a prompt's words about the rest are not called used.
    """

    directs = EVERYTHING

    def __init__(
        self,
        request: RenderRequest,
        on_progress: OnProgress,
        is_canceled: IsCanceled,
        phones: PhoneSource,
        landmarks: LandmarkSource,
        open_output: Callable[..., Mp4Writer] = Mp4Writer,
    ) -> None:
        self.request, self._open_output = request, open_output
        self.phones, self.landmarks = phones, landmarks
        self.direction, self._words = read_prompt(request.prompt, self.directs)
        self.is_canceled = is_canceled
        self._on_progress = on_progress
        self._timings: dict[str, float] = {}
        self._warnings: list[str] = []

    def run(self) -> RenderReport:
        raise NotImplementedError

    def tell(self, stage: str, fraction: float) -> None:
        self._on_progress(stage, min(1.0, fraction))

    def warn(self, code: str) -> None:
        if code not in self._warnings:
            self._warnings.append(code)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._timings[stage] = self._timings.get(stage, 0.0) + time.perf_counter() - start

    def speech(self, name: str) -> Speech:
        """The recording of an input. A silent one is rendered, with a warning."""
        path = self.request.inputs[name]
        speech = read_speech(path, max_seconds=self.request.max_seconds, is_canceled=self.is_canceled)
        if speech.silent:
            self.warn("silent_audio")
        return speech

    def pictures(self) -> tuple[Array, Array | None]:
        """The picture at the output's size, and the mask over it where one is given."""
        picture = read_picture(self.request.inputs["image"])
        width, height = output_size(picture.shape[1], picture.shape[0], self.request.resolution)
        return resized(picture, width, height), self.mask(width, height)

    def mask(self, width: int, height: int) -> Array | None:
        """(height, width) uint8, 255 moves; None where no mask was given."""
        path = self.request.inputs.get("mask_image")
        if path is None:
            return None
        return resized_mask(cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2GRAY), width, height)

    def track(self, speech: Speech, fps: float, *, part: tuple[float, float] = (0.0, 1.0)) -> MouthTrack:
        """What the mouth does, one value a frame. part : of all the hearing of this render, for the progress."""
        heard = [np.zeros((0, len(PHONES)), np.float32)]
        if not speech.silent:
            for fraction, rows in hear(speech, self.phones, is_canceled=self.is_canceled):
                heard.append(rows)
                done = part[0] + fraction * (part[1] - part[0])
                self.tell("phones", 0.05 + done * (HEARING - 0.05))
        return mouth_track(np.concatenate(heard), speech, fps)

    def write(self, writer: Mp4Writer, frames: Iterable[Planes], count: int) -> None:
        """Encode frames as they come. count : how many there will be, for the progress."""
        drawn = iter(frames)
        with writer:
            for k in range(count):
                if k % 5 == 0 and self.is_canceled():
                    raise Canceled
                with self.timed("draw"):
                    packed = next(drawn).packed()
                with self.timed("encode"):
                    writer.write(packed)
                if k % 5 == 0:
                    self.tell("frames", HEARING + (1 - HEARING) * (k + 1) / count)
        self.tell("done", 1.0)

    def report(self, *, frames: int, fps: float, size: tuple[int, int], faces: int) -> RenderReport:
        """size : height and width, pixels."""
        return RenderReport(
            frames=frames,
            fps=float(fps),
            seconds=frames / float(fps),
            width=size[1],
            height=size[0],
            seed=self.request.seed,
            faces=faces,
            timings={stage: round(spent * 1000) for stage, spent in self._timings.items()},
            warnings=self._warnings,
            prompt_words=self._words,
        )

    def output(self, *, size: tuple[int, int], fps: Fraction | int, sound: Path | Sound) -> Mp4Writer:
        """size : height and width, pixels."""
        return self._open_output(
            self.request.output,
            width=size[1],
            height=size[0],
            fps=fps,
            sound=sound,
            max_seconds=self.request.max_seconds,
        )


def large_enough(faces: list[Face]) -> list[Face]:
    """Those of the faces that can be animated. Raises InputError `no_face` where none is."""
    faces = [face for face in faces if face.eye_distance >= FEWEST_PIXELS]
    if not faces:
        raise InputError(
            "no_face",
            "No face was found in the picture, or only one too small to animate; send a picture in which "
            "a face looks towards the camera and fills a good part.",
        )
    return faces


def is_under(face: Face, mask: Array) -> bool:
    """Whether the mask lets any of this face's mouth move."""
    x, y = face.points[[13, 14, 61, 291], :2].mean(axis=0)
    row, column = (int(np.clip(value, 0, size - 1)) for value, size in zip((y, x), mask.shape, strict=True))
    return bool(mask[row, column] > 127)
