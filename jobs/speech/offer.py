"""What a page offers to choose from: voices in the reader's language, the likeliest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf.locale import LANG_INFO
from django.utils.translation import get_language, get_language_info, gettext

from jobs.speech import backend
from jobs.speech.base import Voice


@dataclass(frozen=True)
class Choice:
    code: str
    name: str
    language: str = ""  # of a voice: BCP 47


@dataclass(frozen=True)
class Offer:
    near: Sequence[Choice]  # of the page's language
    others: Sequence[Choice]
    timbres: Sequence[Choice]
    usual: str  # the code of the voice that is chosen first


def offer() -> Offer | None:
    """The site's voices for a page in the active language; None where there are none."""
    voices = backend()
    if voices is None or not voices.voices():
        return None
    language = (get_language() or "en").lower()
    near = [voice for voice in voices.voices() if _primary(voice.language) == _primary(language)]
    others = [voice for voice in voices.voices() if voice not in near]
    usual = next((voice for voice in near if voice.language.lower() == language), (near or others)[0])
    return Offer(
        near=_choices(near),
        others=_choices(others),
        timbres=[Choice(timbre.code, gettext(timbre.name)) for timbre in voices.timbres()],
        usual=usual.code,
    )


def _choices(voices: list[Voice]) -> list[Choice]:
    choices = [Choice(voice.code, voice_name(voice), voice.language) for voice in voices]
    return sorted(choices, key=lambda choice: choice.name.casefold())


def voice_name(voice: Voice) -> str:
    """A voice's name in the active language, as far as it is known: by Django's names of languages, then by ours."""
    name, _, whose = voice.name.partition(" (")
    primary = _primary(voice.language)
    known = gettext(get_language_info(primary)["name"] if primary in LANG_INFO else name)
    parts = [gettext(part) for part in whose.removesuffix(")").split(", ") if part]
    return f"{known} ({', '.join(parts)})" if parts else known


def _primary(language: str) -> str:
    return language.lower().split("-")[0]
