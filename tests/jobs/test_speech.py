"""The site's voices: what they offer, what they say, and what holds their process."""

import threading
import wave
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError
from django.utils import translation

from jobs import media
from jobs.media import MediaRefused
from jobs.models import Upload
from jobs.speech import backend, speaking
from jobs.speech.base import NothingSaid, Speech, SpeechFailed, SpeechTooLong, Voice
from jobs.speech.espeak import Espeak
from jobs.speech.offer import offer
from tests.jobs.test_media import files, no_rows

ENGLISH = "gmw/en-US"


def voice(code: str = ENGLISH) -> Voice:
    return next(voice for voice in Espeak().voices() if voice.code == code)


def speech(text: str, code: str = ENGLISH, *, speed: int = 100, pitch: int = 50, timbre=None) -> Speech:
    return Speech(text, voice(code), timbre, speed, pitch)


def seconds(path: Path) -> float:
    with wave.open(str(path)) as sound:
        return sound.getnframes() / sound.getframerate()


class Shouter:
    """Somebody's own voices, as docs/operators.md describes them."""

    trouble: type[Exception] | None = None

    def voices(self):
        return [Voice("loud", "en", "English (Loud)")]

    def timbres(self):
        return []

    def speak(self, speech, path, *, seconds):
        if self.trouble:
            raise self.trouble
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(16_000)
            out.writeframes(b"\x00\x40" * 16_000)


class Mute(Shouter):
    trouble = SpeechFailed


class Liar(Shouter):
    def speak(self, speech, path, *, seconds):
        path.write_text("#!/bin/sh\n")


def test_over_a_hundred_languages_are_offered_each_with_a_code_of_its_own():
    voices = Espeak().voices()
    assert len({voice.code for voice in voices}) == len(voices) > 130
    assert {"en-us", "ru", "de", "es", "fr-fr", "ar", "hi", "cmn", "ja", "sw"} <= {v.language for v in voices}
    assert all(voice.name and "//" not in voice.name for voice in voices)


@pytest.mark.parametrize(
    ("code", "text"),
    [("gmw/en-US", "Good morning"), ("zle/ru", "Доброе утро"), ("sem/ar", "صباح الخير"), ("inc/hi", "नमस्ते"),
     ("sit/cmn", "早上好"), ("jpx/ja", "おはよう"), ("sem/he", "בוקר טוב"), ("trk/cv", "Ырӑ ир")],
)  # fmt: skip
def test_many_scripts_are_spoken(tmp_path, code, text):
    Espeak().speak(speech(text, code), tmp_path / "out.wav", seconds=60)
    assert 0.3 < seconds(tmp_path / "out.wav") < 6


def test_every_timbre_speaks(tmp_path):
    for timbre in Espeak().timbres():
        Espeak().speak(speech("Hello", timbre=timbre), tmp_path / "out.wav", seconds=60)
        assert seconds(tmp_path / "out.wav") > 0.3, timbre


def test_speech_beyond_the_allowed_seconds_is_given_up(tmp_path):
    with pytest.raises(SpeechTooLong):
        Espeak().speak(speech("one two three four five " * 20), tmp_path / "out.wav", seconds=2)
    assert seconds(tmp_path / "out.wav") <= 2


def test_what_a_voice_has_no_sounds_for_is_told(tmp_path):
    with pytest.raises(NothingSaid):
        Espeak().speak(speech("...", "gmw/en-US"), tmp_path / "out.wav", seconds=2)


def test_a_voice_that_is_not_there_fails_without_a_file(tmp_path):
    wrong = Speech("Hello", Voice("../../../etc/passwd", "en", "None"), None, 100, 50)
    with pytest.raises(SpeechFailed):
        Espeak().speak(wrong, tmp_path / "out.wav", seconds=2)
    assert not (tmp_path / "out.wav").exists()


def test_marks_of_speech_languages_are_read_as_words_and_change_nothing(tmp_path):
    """A <break> would last a hundred seconds, and a control character would set the pitch."""
    plain, marked = tmp_path / "plain.wav", tmp_path / "marked.wav"
    Espeak().speak(speech("Hello there"), plain, seconds=60)
    Espeak().speak(speech("<speak><break time='100s'/>[[h@l'oU]]</speak>"), marked, seconds=60)
    Espeak().speak(speech(speaking.clean("Hello\x01500R there")), marked, seconds=60)
    assert seconds(marked) > seconds(plain)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("  Hello \t there \r\n you ", "Hello there\nyou"),
        ("a\x00b\x01c\x1bd\x7f", "abcd"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("e\u0301", "é"),
        ("\ud800x", "x"),
    ],
)
def test_text_is_freed_of_what_nobody_hears(typed, said):
    assert speaking.clean(typed) == said


def test_a_text_of_marks_is_refused_before_they_are_put_in_order(owner):
    with pytest.raises(MediaRefused) as refused:
        speaking.say(
            team=owner.team,
            user=owner.user,
            text="a" + "\u0301" * 200_000 + "\u0316" * 200_000,
            voice=ENGLISH,
        )
    assert refused.value.code == "text_too_long"
    assert "400,001" in refused.value.sentence


@pytest.mark.parametrize("mark", ["\u0301\u0316", "\u0f73", "\u0344"])  # the last two are each two in one
def test_no_more_marks_are_put_in_order_than_a_letter_may_have(mark):
    assert len(speaking.clean("a" + mark * 10_000 + "b")) <= 2 * speaking.MARKS_IN_A_ROW + 2


def test_what_the_voice_gets_is_counted_not_what_was_typed(owner, settings):
    settings.SPEECH_BACKEND = "tests.jobs.test_speech.Shouter"
    settings.SPEECH_MAX_CHARACTERS = 10
    said = {"team": owner.team, "user": owner.user, "voice": "loud"}
    assert speaking.say(text="e\u0301" * 10 + " " * 20, **said)
    for text, count in (("e\u0301" * 11, "11"), ("é" * 41, "41")):
        with pytest.raises(MediaRefused) as refused:
            speaking.say(text=text, **said)
        assert refused.value.code == "text_too_long"
        assert f"has {count} characters" in refused.value.sentence


def test_names_of_languages_are_the_readers(settings):
    with translation.override("ru"):
        found = offer()
        names = {choice.code: choice.name for choice in [*found.near, *found.others]}
    assert found.usual == "zle/ru"
    assert names["gmw/de"] == "Немецкий"
    assert {choice.code for choice in found.near} == {"zle/ru", "zle/ru-cl", "zle/ru-LV"}


@pytest.mark.parametrize(
    ("language", "code"), [("en", "gmw/en-US"), ("pt-br", "roa/pt-BR"), ("de", "gmw/de"), ("tlh", None)]
)
def test_the_pages_language_is_chosen_first(language, code):
    with translation.override(language):
        assert offer().usual == (code or offer().others[0].code)


def test_another_backend_is_used_as_it_is(owner, settings):
    settings.SPEECH_BACKEND = "tests.jobs.test_speech.Shouter"
    kept = speaking.say(team=owner.team, user=owner.user, text="Hi", voice="loud")
    assert (kept.kind, kept.seconds) == ("audio", 1.0)
    assert offer().usual == "loud"
    assert backend() is backend()


@pytest.mark.parametrize(("name", "code"), [("Mute", "speech_failed"), ("Liar", "unsupported_format")])
def test_a_backend_that_fails_or_lies_leaves_nothing(owner, settings, name, code):
    settings.SPEECH_BACKEND = f"tests.jobs.test_speech.{name}"
    with pytest.raises(MediaRefused) as refused:
        speaking.say(team=owner.team, user=owner.user, text="Hi", voice="loud")
    assert refused.value.code == code
    assert not Upload.objects.exists()
    assert list(media.work_folder().iterdir()) == []


def test_speech_whose_row_cannot_be_written_leaves_nothing(owner, settings):
    settings.SPEECH_BACKEND = "tests.jobs.test_speech.Shouter"
    with no_rows(), pytest.raises(DatabaseError):
        speaking.say(team=owner.team, user=owner.user, text="Hi", voice="loud")
    assert files() == []


def test_speech_that_is_too_long_for_the_site_is_refused(owner, settings):
    settings.OUTPUT_MAX_SECONDS = 2
    with pytest.raises(MediaRefused) as refused:
        speaking.say(team=owner.team, user=owner.user, text="one two three four " * 20, voice=ENGLISH)
    assert refused.value.code == "speech_too_long"
    assert "2 s" in refused.value.sentence


def test_a_long_text_is_named_by_its_first_words(owner):
    text = "and/or, said the fox to the crow, who sat in a tree and held a piece of cheese"
    kept = speaking.say(team=owner.team, user=owner.user, text=text, voice=ENGLISH)
    assert kept.name == "“and or, said the fox to the crow, who…”"


def test_a_team_that_already_speaks_waits_and_is_then_sent_away(owner, settings, monkeypatch):
    monkeypatch.setattr(speaking, "WAIT", 0.05)
    settings.SPEECH_BACKEND = "tests.jobs.test_speech.Shouter"
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with speaking._turns.turn(owner.team.pk, seconds=1):
            inside.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(10)
    try:
        with pytest.raises(MediaRefused) as refused:
            speaking.say(team=owner.team, user=owner.user, text="Hi", voice="loud")
    finally:
        leave.set()
        holder.join()
    assert refused.value.code == "busy"


@pytest.mark.parametrize(
    ("path", "found"),
    [("", []), ("jobs.speech.espeak.Espeak", []), ("no.such.Voices", ["lipsyncweb.E030"])],
)
def test_a_backend_that_is_not_there_stops_the_site(settings, path, found):
    settings.SPEECH_BACKEND = path
    assert [message.id for message in run_checks() if message.id == "lipsyncweb.E030"] == found
