"""`lipsync-video`: a person in a video says something else."""

from collections.abc import Mapping
from typing import Annotated, Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from jobs.catalog.base import Example, Lengths, Media, ModelSpec, Parameters, Shown
from jobs.catalog.parts import USUAL_RESOLUTION, Address, Mask, Resolution, Seed, Speech, Style


class LipsyncVideo(Parameters):
    video: Annotated[
        str,
        Address,
        Media("video", sample="clip.mp4"),
        Shown(
            _("Video"),
            _(
                "A person who faces the camera: MP4, MOV, WebM or MKV. "
                "Longer than the speech, it is cut; shorter, it plays on, to and fro."
            ),
        ),
    ]
    audio: Speech
    resolution: Resolution = USUAL_RESOLUTION
    mask_image: Mask = None
    prompt: Style = None
    seed: Seed = None


def lengths(values: Mapping[str, Any], seconds: Mapping[str, float]) -> Lengths | None:
    """The video is as long as the speech; BILL_EXTENDED_VIDEO_BY says what is billed where it was extended."""
    by_source = settings.BILL_EXTENDED_VIDEO_BY == "source"
    if "audio" not in seconds or (by_source and "video" not in seconds):
        return None
    output, source = seconds["audio"], seconds.get("video")
    if source is None:
        return Lengths.of(output)
    return Lengths(
        output=output,
        billed=min(output, source) if by_source else output,
        trimmed=max(0.0, source - output),
        extended=max(0.0, output - source),
    )


SPEC = ModelSpec(
    slug="lipsync-video",
    title=_("New speech for a video"),
    summary=_("A person in a video speaks your recording instead of what was said."),
    parameters=LipsyncVideo,
    lengths=lengths,
    examples=(
        Example(
            "new-words",
            _("New words for a clip"),
            {"video": "clip.mp4", "audio": "speech.wav", "resolution": "480p"},
        ),
        Example(
            "again",
            _("The clip's own words again"),
            {"video": "clip.mp4", "audio": "answer.wav", "resolution": "480p", "seed": "7"},
        ),
        Example(
            "lively",
            _("Lively and sharper"),
            {"video": "clip.mp4", "audio": "speech.wav", "resolution": "720p", "prompt": _("lively")},
        ),
    ),
)
