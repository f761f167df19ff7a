"""What a form needs to offer the site's voices."""

from dataclasses import dataclass

from django import template
from django.conf import settings
from django.template.context import Context

from jobs.speech.base import FASTEST, HIGHEST, LOWEST, SLOWEST, USUAL_PITCH, USUAL_SPEED
from jobs.speech.offer import Offer, offer

register = template.Library()


@dataclass(frozen=True)
class Typed:
    """What stands in the boxes of one field; of a form that comes back, what was typed."""

    offer: Offer
    text: str
    voice: str
    timbre: str
    speed: str
    pitch: str
    slowest: int = SLOWEST
    fastest: int = FASTEST
    lowest: int = LOWEST
    highest: int = HIGHEST

    @property
    def most(self) -> int:
        return settings.SPEECH_MAX_CHARACTERS


@register.simple_tag(takes_context=True)
def typed_speech(context: Context, name: str) -> Typed | None:
    """What to offer for the field of this name; None where the site has no voices."""
    found = offer()
    if found is None:
        return None
    given = context["request"].POST
    return Typed(
        offer=found,
        text=given.get(f"{name}_say_text", ""),
        voice=given.get(f"{name}_say_voice", found.usual),
        timbre=given.get(f"{name}_say_timbre", ""),
        speed=given.get(f"{name}_say_speed", str(USUAL_SPEED)),
        pitch=given.get(f"{name}_say_pitch", str(USUAL_PITCH)),
    )


@register.simple_tag
def longest_recording() -> int:
    """Seconds."""
    return int(settings.OUTPUT_MAX_SECONDS)
