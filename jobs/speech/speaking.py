"""Words that somebody typed become an upload, spoken by one of the site's voices."""

import logging
import unicodedata

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from accounts.models import Team, User
from jobs import media
from jobs.media import MediaRefused
from jobs.models import Upload
from jobs.speech import backend, base
from jobs.speech.base import Backend, Speech
from jobs.turns import NoTurn, Turns

log = logging.getLogger(__name__)

NAME_LETTERS = 40
# So many characters are read for each that can be spoken: blanks and what nobody hears go, and marks join letters.
READ_FOR_EACH = 4
# Unicode's own bound (UAX 15, stream-safe text): putting a row of marks in order takes the square of its length.
MARKS_IN_A_ROW = 30
# Without them, several scripts are spelled and spoken wrong.
_JOINERS = "\u200c\u200d"
# Speaking costs a processor, and waiting for it a thread.
_turns = Turns(at_once=2, waiting=2)
WAIT = 5.0  # seconds


def say(
    *,
    team: Team,
    user: User,
    text: str,
    voice: str,
    timbre: str = "",
    speed: int = base.USUAL_SPEED,
    pitch: int = base.USUAL_PITCH,
) -> Upload:
    """Speak the text, and keep it as an upload of kind audio. voice, timbre : codes; speed : percent; pitch : of 100.

    Raises MediaRefused: nothing_to_say, text_too_long, unknown_voice, invalid_voice, speech_too_long, speech_failed,
    busy, and whatever an upload may be refused for.
    """
    voices = backend()
    if voices is None:
        raise MediaRefused("speech_off", _("This site has no voices; please send a recording."))
    if len(text) > READ_FOR_EACH * settings.SPEECH_MAX_CHARACTERS:
        raise _too_long(len(text))
    speech = _speech(voices, clean(text), voice, timbre, speed, pitch)
    media.check_room(team=team, kind="audio", size=1)
    with media.incoming() as path:
        try:
            with _turns.turn(team.pk, seconds=WAIT):
                voices.speak(speech, path, seconds=settings.OUTPUT_MAX_SECONDS)
        except NoTurn as error:
            sentence = _("The voices are busy right now; please try again in a minute.")
            raise MediaRefused("busy", sentence) from error
        except (base.NothingSaid, base.SpeechTooLong, base.SpeechFailed) as error:
            raise _refusal(error) from error
        media.check_room(team=team, kind="audio", size=path.stat().st_size)
        return media.keep(path, team=team, user=user, kind="audio", name=_name(speech.text))


def clean(text: str) -> str:
    """The text without what nobody could hear: control and direction marks, lone surrogates, spaces in a row."""
    return unicodedata.normalize("NFC", _with_few_marks(_heard(text)))


def _heard(text: str) -> str:
    kept = (letter if _is_heard(letter) else " " if letter.isspace() else "" for letter in text)
    lines = (" ".join(line.split()) for line in "".join(kept).splitlines())
    return "\n".join(lines).strip()


def _is_heard(letter: str) -> bool:
    return letter == "\n" or letter in _JOINERS or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")


def _with_few_marks(text: str) -> str:
    kept, marks = [], 0
    for letter in text:
        marks = marks + 1 if unicodedata.category(letter)[0] == "M" else 0
        if marks <= MARKS_IN_A_ROW:
            kept.append(letter)
    return "".join(kept)


def _speech(voices: Backend, text: str, voice: str, timbre: str, speed: int, pitch: int) -> Speech:
    if not any(unicodedata.category(letter)[0] in "LN" for letter in text):
        raise MediaRefused("nothing_to_say", _("There is nothing to say: type words or numbers."))
    if len(text) > settings.SPEECH_MAX_CHARACTERS:
        raise _too_long(len(text))
    found = next((item for item in voices.voices() if item.code == voice), None)
    sound = next((item for item in voices.timbres() if item.code == timbre), None)
    if found is None or (sound is None and timbre):
        raise MediaRefused("unknown_voice", _("The site has no such voice; please choose another one."))
    if not (base.SLOWEST <= speed <= base.FASTEST and base.LOWEST <= pitch <= base.HIGHEST):
        raise MediaRefused(
            "invalid_voice", _("The speed or the pitch is out of range; please move the sliders.")
        )
    return Speech(text, found, sound, speed, pitch)


def _too_long(count: int) -> MediaRefused:
    sentence = _("The text has %(count)s characters, and at most %(most)s can be spoken; please shorten it.")
    numbers = {
        "count": number_format(count, force_grouping=True),
        "most": number_format(settings.SPEECH_MAX_CHARACTERS, force_grouping=True),
    }
    return MediaRefused("text_too_long", sentence % numbers)


def _refusal(error: Exception) -> MediaRefused:
    if isinstance(error, base.NothingSaid):
        sentence = _("This voice has no sounds for these words; choose the voice of their language.")
        return MediaRefused("nothing_to_say", sentence)
    if isinstance(error, base.SpeechTooLong):
        sentence = _(
            "Spoken, the text would last longer than %(seconds)s s; please shorten it, or raise the speed."
        )
        return MediaRefused("speech_too_long", sentence % {"seconds": settings.OUTPUT_MAX_SECONDS})
    log.error("A text could not be spoken", exc_info=error)
    sentence = _("The words could not be spoken now; please try again, or send a recording.")
    return MediaRefused("speech_failed", sentence)


def _name(text: str) -> str:
    """The first words, for a list of files. A slash would look like a folder."""
    line = " ".join(text.replace("/", " ").replace("\\", " ").split())
    if len(line) <= NAME_LETTERS:
        return f"“{line}”"
    cut = line[:NAME_LETTERS]
    return f"“{cut.rsplit(' ', 1)[0].rstrip(',.;:!?')}…”"
