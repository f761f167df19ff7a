"""The one public call: from a request to an MP4 of a face saying the words."""

from collections.abc import Callable

from jobs.engine.audio import PhoneSource
from jobs.engine.contract import IsCanceled, OnProgress, RenderReport, RenderRequest
from jobs.engine.encode import Mp4Writer
from jobs.engine.image import ImageRender
from jobs.engine.landmarks import LandmarkSource, MediapipeLandmarks
from jobs.engine.pair import PairRender
from jobs.engine.phones import PhoneProbabilities
from jobs.engine.video import VideoRender
from jobs.engine.work import Work

MODELS: dict[str, type[Work]] = {
    "lipsync-image": ImageRender,
    "lipsync-image-multi": PairRender,
    "lipsync-video": VideoRender,
}


def render(
    request: RenderRequest,
    *,
    on_progress: OnProgress,
    is_canceled: IsCanceled,
    phones: PhoneSource | None = None,
    landmarks: LandmarkSource | None = None,
    open_output: Callable[..., Mp4Writer] = Mp4Writer,
) -> RenderReport:
    """Make the video that `request` asks for, at `request.output`.

    Raises InputError (no_face, two_faces_needed, audio_unreadable, image_unreadable, too_long, too_large,
    unsupported_format), Canceled. Nothing is left at `request.output` then. Silent audio is rendered with a
    still mouth and the warning `silent_audio`. phones, landmarks : other backends than pocketsphinx and
    mediapipe. open_output : makes the writer, for who measures what is written.
    """
    model = MODELS.get(request.model)
    if model is None:
        raise ValueError(f"unknown model {request.model!r}")
    phones = phones or PhoneProbabilities.shared()
    landmarks = landmarks or MediapipeLandmarks.shared()
    return model(request, on_progress, is_canceled, phones, landmarks, open_output).run()
