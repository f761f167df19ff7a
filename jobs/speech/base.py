"""What a site's voices have to offer: the interface of SPEECH_BACKEND.

A backend is a class without arguments. It reads no settings and no rows; what it writes is probed like a file that
somebody sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SLOWEST, USUAL_SPEED, FASTEST = 50, 100, 200  # percent
LOWEST, USUAL_PITCH, HIGHEST = 0, 50, 100


@dataclass(frozen=True)
class Voice:
    """A voice, or the way of all voices with one language. `code` is the backend's own, and stays the same."""

    code: str
    language: str  # BCP 47, in any case: en-US
    name: str  # in English: the language, and in brackets whose


@dataclass(frozen=True)
class Timbre:
    """How a voice can sound, whatever it says; `code` is the backend's own."""

    code: str
    name: str  # in English


@dataclass(frozen=True)
class Speech:
    """What to say, and how. The text is neither empty nor longer than the site allows, and has no control marks."""

    text: str
    voice: Voice
    timbre: Timbre | None
    speed: int  # percent, SLOWEST to FASTEST
    pitch: int  # LOWEST to HIGHEST


class SpeechFailed(Exception):
    """The backend could not say it, for a reason that is not the text's."""


class SpeechTooLong(Exception):
    """It would take longer than was allowed."""


class NothingSaid(Exception):
    """The voice has no sounds for this text."""


class Backend(Protocol):
    """Gives voices. Its methods may be called from several threads at once."""

    def voices(self) -> Sequence[Voice]:
        """All of them, always in the same order. Called for every page that offers them: keep it."""
        ...

    def timbres(self) -> Sequence[Timbre]:
        """Those that every voice can take, the usual one first; empty where a voice sounds in one way alone."""
        ...

    def speak(self, speech: Speech, path: Path, *, seconds: float) -> None:
        """Write the speech, at most so many seconds of it, as WAV, MP3, M4A, FLAC, Ogg or WebM to `path`.

        No transaction is open. Raises SpeechTooLong, NothingSaid and SpeechFailed; leaves nothing behind but the file.
        """
        ...
