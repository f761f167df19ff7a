"""The one public call: from a picture and a recording to an MP4 of that face saying it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.audio import Phone, PhoneSource, PocketsphinxPhones, Speech, hear, read_speech
from jobs.engine.compose import Portrait
from jobs.engine.contract import IsCanceled, OnProgress, RenderReport, RenderRequest
from jobs.engine.encode import Mp4Writer
from jobs.engine.errors import Canceled, InputError
from jobs.engine.landmarks import Face, LandmarkSource, MediapipeLandmarks
from jobs.engine.motion import perform
from jobs.engine.picture import output_size, resized
from jobs.engine.prompt import Direction, read_prompt
from jobs.engine.sources import read_picture
from jobs.engine.visemes import FPS, MouthTrack, mouth_track

# The encoder has a thread of its own beside this one; OpenCV's pool on top only costs processor time.
cv2.setNumThreads(1)

MODELS = ("lipsync-image",)
HEARING = 0.15  # of the progress shown: faces and phones, before the first frame
FEWEST_PIXELS = 24  # between the outer eye corners, in the output


def render(
    request: RenderRequest,
    *,
    on_progress: OnProgress,
    is_canceled: IsCanceled,
    phones: PhoneSource | None = None,
    landmarks: LandmarkSource | None = None,
) -> RenderReport:
    """Make the video that `request` asks for, at `request.output`.

    Raises InputError (no_face, audio_unreadable, image_unreadable, too_long, too_large, unsupported_format),
    Canceled. Nothing is left at `request.output` then. Silent audio is rendered with a still mouth and the
    warning `silent_audio`. phones, landmarks : other backends than pocketsphinx and mediapipe.
    """
    if request.model not in MODELS:
        raise ValueError(f"unknown model {request.model!r}")
    phones = phones or PocketsphinxPhones.shared()
    landmarks = landmarks or MediapipeLandmarks.shared()
    return _ImageRender(request, on_progress, is_canceled, phones, landmarks).run()


class _ImageRender:
    """One picture, one recording."""

    def __init__(
        self,
        request: RenderRequest,
        on_progress: OnProgress,
        is_canceled: IsCanceled,
        phones: PhoneSource,
        landmarks: LandmarkSource,
    ) -> None:
        self._request, self._on_progress, self._is_canceled = request, on_progress, is_canceled
        self._phones, self._landmarks = phones, landmarks
        self._timings: dict[str, float] = {}
        self._warnings: list[str] = []

    def run(self) -> RenderReport:
        direction, words = read_prompt(self._request.prompt)
        self._tell("read", 0.0)
        with self._timed("read"):
            speech = self._speech()
            picture, mask = self._pictures()
        self._tell("face", 0.02)
        with self._timed("face"):
            faces = self._faces(picture, mask)
            portrait = Portrait(picture, faces[0], style=direction.style, mask=mask)
        with self._timed("phones"):
            track = self._track(speech)
        if not portrait.can_blink:
            direction = replace(direction, blinks=0.0)
        self._write(portrait, track, direction)
        height, width = portrait.source.shape
        return RenderReport(
            frames=len(track),
            fps=float(FPS),
            seconds=len(track) / FPS,
            width=width,
            height=height,
            seed=self._request.seed,
            faces=len(faces),
            timings={stage: round(spent * 1000) for stage, spent in self._timings.items()},
            warnings=self._warnings,
            prompt_words=words,
        )

    def _speech(self) -> Speech:
        speech = read_speech(
            self._request.inputs["audio"],
            max_seconds=self._request.max_seconds,
            is_canceled=self._is_canceled,
        )
        if speech.silent:
            self._warnings.append("silent_audio")
        return speech

    def _pictures(self) -> tuple[Array, Array | None]:
        """The picture at the output's size, and the mask over it where one is given."""
        picture = read_picture(self._request.inputs["image"])
        width, height = output_size(picture.shape[1], picture.shape[0], self._request.resolution)
        path = self._request.inputs.get("mask_image")
        mask = None if path is None else resized(_grey(read_picture(path)), width, height)
        return resized(picture, width, height), mask

    def _faces(self, picture: Array, mask: Array | None) -> list[Face]:
        """Faces of the picture, the one to move first: the largest, or the largest under the mask."""
        faces = self._landmarks.find(picture)
        faces = [face for face in faces if face.eye_distance >= FEWEST_PIXELS]
        if mask is not None:
            faces.sort(key=lambda face: not _under(face, mask))  # stable: size decides among equals
        if not faces:
            raise InputError(
                "no_face",
                "No face was found in the picture, or only one too small to animate; send a picture in which "
                "a face looks towards the camera and fills a good part.",
            )
        return faces

    def _track(self, speech: Speech) -> MouthTrack:
        phones: list[Phone] = []
        if not speech.silent:
            for heard, found in hear(speech, self._phones, is_canceled=self._is_canceled):
                phones += found
                self._tell("phones", 0.05 + heard * (HEARING - 0.05))
        return mouth_track(phones, speech)

    def _write(self, portrait: Portrait, track: MouthTrack, direction: Direction) -> None:
        request = self._request
        performance = perform(track.loud, request.seed, head=direction.head, blinks=direction.blinks)
        height, width = portrait.source.shape
        writer = Mp4Writer(
            request.output,
            width=width,
            height=height,
            fps=FPS,
            sound=request.inputs["audio"],
            max_seconds=request.max_seconds,
        )
        with writer:
            for k in range(len(track)):
                if k % 5 == 0:
                    if self._is_canceled():
                        raise Canceled
                    self._tell("frames", HEARING + (1 - HEARING) * k / len(track))
                with self._timed("draw"):
                    packed = portrait.draw(track, performance, k).packed()
                with self._timed("encode"):
                    writer.write(packed)
        self._tell("done", 1.0)

    def _tell(self, stage: str, fraction: float) -> None:
        self._on_progress(stage, min(1.0, fraction))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._timings[stage] = self._timings.get(stage, 0.0) + time.perf_counter() - start


def _grey(picture: Array) -> Array:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _under(face: Face, mask: Array) -> bool:
    """Whether the mask lets any of this face's mouth move."""
    x, y = face.points[[13, 14, 61, 291], :2].mean(axis=0)
    row, column = (int(np.clip(value, 0, size - 1)) for value, size in zip((y, x), mask.shape, strict=True))
    return bool(mask[row, column] > 127)
