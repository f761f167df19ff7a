"""Typed words become an upload of the team's, or one sentence of what is wrong with them."""

import pytest
from django.urls import reverse

from jobs.models import Upload

pytestmark = pytest.mark.django_db

WORDS = {"speak": "audio", "audio_say_text": "Hello there.", "audio_say_voice": "gmw/en-US"}


def say(client, **changes):
    return client.post(reverse("speech"), {**WORDS, **{f"audio_say_{k}": v for k, v in changes.items()}})


def test_words_become_an_upload_that_is_answered_like_any_other(owner):
    answer = say(owner.client)
    assert answer.status_code == 201
    upload = Upload.objects.get()
    told = answer.json()
    assert told["value"] == f"upload:{upload.pk}"
    assert (told["kind"], told["name"], told["url"]) == ("audio", "“Hello there.”", f"/uploads/{upload.pk}")
    assert 0.4 < told["seconds"] < 2
    assert (upload.team, upload.person, upload.format) == (owner.team, owner.user, "wav")
    preview = owner.client.get(told["url"])
    assert preview["Content-Type"] == "audio/wav"
    assert b"".join(preview.streaming_content).startswith(b"RIFF")


def test_speed_and_timbre_change_the_sound(owner):
    usual, slow = say(owner.client).json(), say(owner.client, speed="50").json()
    assert slow["seconds"] > usual["seconds"] * 1.5
    assert say(owner.client, timbre="f3", pitch="80").status_code == 201


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": ""}, "nothing_to_say"),
        ({"text": " \n\t\u200f\u202e "}, "nothing_to_say"),
        ({"text": "😀🎉"}, "nothing_to_say"),
        ({"text": "x" * 100_000}, "text_too_long"),
        ({"voice": "../../../etc/passwd"}, "unknown_voice"),
        ({"voice": "gmw/en-US+f3"}, "unknown_voice"),
        ({"timbre": "../../x"}, "unknown_voice"),
        ({"speed": "0"}, "invalid_voice"),
        ({"speed": "fast"}, "invalid_voice"),
        ({"pitch": "101"}, "invalid_voice"),
        ({"pitch": "٥٠"}, "invalid_voice"),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_a_sentence(owner, changes, code):
    answer = say(owner.client, **changes)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["error"].endswith(".")
    assert not Upload.objects.exists()


def test_a_request_that_names_no_field_is_refused(owner):
    assert owner.client.post(reverse("speech")).json()["code"] == "nothing_to_say"


def test_the_teams_room_for_uploads_counts(owner, settings):
    settings.UPLOAD_MAX_FILES_PER_TEAM = 1
    assert say(owner.client).status_code == 201
    assert say(owner.client).json()["code"] == "upload_quota"


def test_voices_are_named_in_the_language_of_the_page(owner):
    answer = owner.client.get(reverse("generate", args=["lipsync-image"]), headers={"accept-language": "ru"})
    page = answer.content.decode()
    assert 'value="zle/ru" selected' in page
    assert "Английский" in page


def test_form_offers_every_audio_field_its_own_voice(owner):
    page = owner.client.get(reverse("generate", args=["lipsync-image-multi"])).content.decode()
    assert 'name="left_audio_say_text"' in page
    assert 'name="right_audio_say_text"' in page
    assert "image_say_text" not in page
    assert page.count('value="gmw/en-US" selected') == 2


def test_a_browser_without_scripts_gets_its_form_back_with_the_speech_in_it(owner):
    form = {**WORDS, "prompt": "calm", "audio_say_speed": "150"}
    answer = owner.client.post(reverse("generate", args=["lipsync-image"]), form)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert f"upload:{Upload.objects.get().pk}" in page
    assert "calm" in page
    assert "Hello there." in page


def test_a_browser_without_scripts_reads_what_is_wrong_beside_the_field(owner):
    form = {**WORDS, "audio_say_text": "…", "audio_say_voice": "zle/ru"}
    page = owner.client.post(reverse("generate", args=["lipsync-image"]), form).content.decode()
    assert "There is nothing to say" in page
    assert 'value="zle/ru" selected' in page
    assert not Upload.objects.exists()


def test_speech_for_a_field_that_takes_no_sound_is_not_made(owner):
    form = {"speak": "image", "image_say_text": "Hello", "image_say_voice": "gmw/en-US"}
    assert owner.client.post(reverse("generate", args=["lipsync-image"]), form).status_code == 200
    assert not Upload.objects.exists()


def test_a_site_without_voices_offers_none(owner, settings):
    settings.SPEECH_BACKEND = ""
    page = owner.client.get(reverse("generate", args=["lipsync-image"])).content.decode()
    assert "audio_say_text" not in page
    assert "data-recorder" in page
    assert say(owner.client).json()["code"] == "speech_off"


def test_typed_text_is_shown_as_text(owner):
    form = {**WORDS, "audio_say_text": "</textarea><script>alert(1)</script>", "audio_say_voice": "x"}
    page = owner.client.post(reverse("generate", args=["lipsync-image"]), form).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
