"""`lipsync-image`: a portrait and speech become a talking portrait."""

from collections.abc import Mapping
from typing import Annotated, Any

from django.utils.translation import gettext_lazy as _

from jobs.catalog.base import Example, Lengths, Media, ModelSpec, Parameters, Shown
from jobs.catalog.parts import USUAL_RESOLUTION, Address, Mask, Resolution, Seed, Speech, Style


class LipsyncImage(Parameters):
    image: Annotated[
        str,
        Address,
        Media("image", sample="portrait.png"),
        Shown(_("Picture"), _("A portrait with one clear face: PNG, JPEG or WebP, up to 40 megapixels.")),
    ]
    audio: Speech
    resolution: Resolution = USUAL_RESOLUTION
    mask_image: Mask = None
    prompt: Style = None
    seed: Seed = None


def lengths(values: Mapping[str, Any], seconds: Mapping[str, float]) -> Lengths | None:
    """The video is as long as the speech."""
    return Lengths.of(seconds["audio"]) if "audio" in seconds else None


SPEC = ModelSpec(
    slug="lipsync-image",
    title=_("Talking portrait"),
    summary=_("One picture and one voice become a video in which the person speaks."),
    parameters=LipsyncImage,
    lengths=lengths,
    examples=(
        Example(
            "hello",
            _("A portrait says hello"),
            {"image": "portrait.png", "audio": "speech.wav", "resolution": "480p"},
        ),
        Example(
            "calm",
            _("Another voice, calm"),
            {"image": "portrait.png", "audio": "answer.wav", "resolution": "480p", "prompt": _("calm")},
        ),
        Example(
            "lively",
            _("Lively and sharper"),
            {"image": "portrait.png", "audio": "speech.wav", "resolution": "720p", "prompt": _("lively")},
        ),
    ),
)
