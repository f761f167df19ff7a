"""`lipsync-image-multi`: two people in one picture, each with a voice of their own."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from django.utils.translation import gettext_lazy as _

from jobs.catalog.base import Example, Lengths, Media, ModelSpec, Parameters, Shown
from jobs.catalog.parts import RECORDING, USUAL_RESOLUTION, Address, Mask, Resolution, Seed, Style

SIDES = ("left_audio", "right_audio")


class LipsyncImageMulti(Parameters):
    one_of: ClassVar[tuple[str, ...]] = SIDES

    image: Annotated[
        str,
        Address,
        Media("image", sample="pair.png"),
        Shown(_("Picture"), _("Two people side by side: PNG, JPEG or WebP, up to 40 megapixels.")),
    ]
    left_audio: Annotated[
        str | None,
        Address,
        Media("audio", sample="speech.wav"),
        Shown(_("Speech of the person on the left"), RECORDING),
    ] = None
    right_audio: Annotated[
        str | None,
        Address,
        Media("audio", sample="answer.wav"),
        Shown(_("Speech of the person on the right"), RECORDING),
    ] = None
    order: Annotated[
        Literal["meanwhile", "left_right", "right_left"],
        Shown(
            _("Order"),
            _("Who speaks when. Both at once costs the longer speech, one after the other the sum."),
            choice_labels={
                "meanwhile": _("Both at once"),
                "left_right": _("Left, then right"),
                "right_left": _("Right, then left"),
            },
        ),
    ] = "meanwhile"
    resolution: Resolution = USUAL_RESOLUTION
    mask_image: Mask = None
    prompt: Style = None
    seed: Seed = None


def lengths(values: Mapping[str, Any], seconds: Mapping[str, float]) -> Lengths | None:
    """The longer speech where both speak at once, otherwise one after the other."""
    given = [name for name in SIDES if name in values]
    if not given or any(name not in seconds for name in given):
        return None
    each = [seconds[name] for name in given]
    return Lengths.of(max(each) if values["order"] == "meanwhile" else sum(each))


def starts(values: Mapping[str, Any], seconds: Mapping[str, float]) -> dict[str, float | None]:
    """In turn, the second speech begins where the first ends."""
    first, second = SIDES if values["order"] == "left_right" else SIDES[::-1]
    if values["order"] == "meanwhile" or first not in values or second not in values:
        return {}
    return {second: seconds.get(first)}


BOTH = {"image": "pair.png", "left_audio": "speech.wav", "right_audio": "answer.wav", "resolution": "480p"}

SPEC = ModelSpec(
    slug="lipsync-image-multi",
    title=_("Talking pair"),
    summary=_("Two people in one picture speak, each with a voice of their own, at once or in turn."),
    parameters=LipsyncImageMulti,
    lengths=lengths,
    starts=starts,
    examples=(
        Example("talk", _("A talk: left, then right"), {**BOTH, "order": "left_right"}),
        Example("answer-first", _("The right one begins"), {**BOTH, "order": "right_left"}),
        Example("at-once", _("Both at once, lively"), {**BOTH, "order": "meanwhile", "prompt": _("lively")}),
        Example(
            "one-listens",
            _("One speaks, one listens"),
            {"image": "pair.png", "left_audio": "speech.wav", "resolution": "480p"},
        ),
    ),
)
