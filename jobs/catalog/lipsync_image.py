"""`lipsync-image`: a portrait and speech become a talking portrait."""

from collections.abc import Mapping
from typing import Annotated, Literal

from django.utils.translation import gettext_lazy as _
from pydantic import Field

from jobs.catalog.base import MAX_ADDRESS, RESOLUTION_LABELS, Media, ModelSpec, Parameters, Shown


class LipsyncImage(Parameters):
    image: Annotated[
        str,
        Field(max_length=MAX_ADDRESS),
        Media("image"),
        Shown(_("Picture"), _("A portrait with one clear face: PNG, JPEG or WebP, up to 40 megapixels.")),
    ]
    audio: Annotated[
        str,
        Field(max_length=MAX_ADDRESS),
        Media("audio"),
        Shown(_("Speech"), _("What the person says: WAV, MP3, M4A, FLAC, Ogg or WebM.")),
    ]
    resolution: Annotated[
        Literal["480p", "720p"],
        Shown(
            _("Resolution"), _("The shorter side of the video, in pixels."), choice_labels=RESOLUTION_LABELS
        ),
    ] = "480p"
    mask_image: Annotated[
        str | None,
        Field(max_length=MAX_ADDRESS),
        Media("image"),
        Shown(
            _("Mask"),
            _("A picture of the same shape that limits the area that moves: white moves, black stays."),
            advanced=True,
        ),
    ] = None
    prompt: Annotated[
        str | None,
        Field(max_length=1000),
        Shown(_("Style"), _("Words for the performance, such as “calm” or “lively”."), advanced=True),
    ] = None
    seed: Annotated[
        int | None,
        Field(ge=-1, le=2_147_483_647),
        Shown(
            _("Seed"),
            _(
                "The same inputs and seed give the same video. -1 or nothing: a random one, which is recorded."
            ),
            advanced=True,
        ),
    ] = None


def output_seconds(seconds: Mapping[str, float]) -> float:
    """The video is as long as the speech."""
    return seconds["audio"]


SPEC = ModelSpec(
    slug="lipsync-image",
    title=_("Talking portrait"),
    summary=_("One picture and one voice become a video in which the person speaks."),
    parameters=LipsyncImage,
    output_seconds=output_seconds,
    timed_fields=("audio",),
)
