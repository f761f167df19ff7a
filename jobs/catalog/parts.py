"""Parameters that several models share, declared once."""

from typing import Annotated, Final, Literal

from django.utils.translation import gettext_lazy as _
from pydantic import Field

from jobs.catalog.base import MAX_ADDRESS, Media, Shown

Address = Field(max_length=MAX_ADDRESS)
RECORDING = _("WAV, MP3, M4A, FLAC, Ogg or WebM.")

Speech = Annotated[
    str,
    Address,
    Media("audio", sample="speech.wav"),
    Shown(_("Speech"), _("What the person says: WAV, MP3, M4A, FLAC, Ogg or WebM.")),
]
USUAL_RESOLUTION: Final = "480p"
Resolution = Annotated[
    Literal["480p", "720p"],
    Shown(
        _("Resolution"),
        _("The shorter side of the video, in pixels."),
        choice_labels={"480p": _("480p, the standard size"), "720p": _("720p, sharper")},
    ),
]
Mask = Annotated[
    str | None,
    Address,
    Media("image"),
    Shown(
        _("Mask"),
        _("A picture of the same shape that limits the area that moves: white moves, black stays."),
        advanced=True,
    ),
]
Style = Annotated[
    str | None,
    Field(max_length=1000),
    Shown(_("Style"), _("Words for the performance, such as “calm” or “lively”."), advanced=True),
]
Seed = Annotated[
    int | None,
    Field(ge=-1, le=2_147_483_647),
    Shown(
        _("Seed"),
        _("The same inputs and seed give the same video. -1 or nothing: a random one, which is recorded."),
        advanced=True,
    ),
]
