"""The piece of the form that tells what is in a file, and the picture that a mask is painted on."""

import json
import re

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation

from jobs import looking, samples
from jobs.engine.bench.media import write_wav
from jobs.models import Upload
from jobs.views import look_words

pytestmark = pytest.mark.django_db


def send(client, kind: str, content: bytes) -> str:
    """The address of a new upload."""
    data = {"kind": kind, "file": SimpleUploadedFile("file", content)}
    return client.post(reverse("upload"), data).json()["url"]


def look(client, address: str, model: str = "lipsync-image"):
    return client.get(f"{address}/look", {"model": model})


@pytest.fixture
def portrait() -> bytes:
    return samples.portrait_path().read_bytes()


def test_a_face_is_outlined_and_told(owner, portrait):
    page = look(owner.client, send(owner.client, "image", portrait)).content.decode()
    assert "One face found." in page
    assert 'viewBox="0 0 480 480"' in page
    assert page.count('data-role="speaks"') == page.count("<g ") == 1
    mouth = json.loads(re.search(r'data-mouth="([^"]+)"', page)[1])
    assert mouth == [pytest.approx(0.44, abs=0.03), pytest.approx(0.29, abs=0.03)]


def test_the_two_of_a_pair_are_labelled_left_and_right(owner):
    page = look(owner.client, "/samples/pair.png", "lipsync-image-multi").content.decode()
    places = {role: float(x) for role, x in re.findall(r'data-role="(\w+)"[^>]*data-middle="([\d.]+)"', page)}
    assert places["left"] < 0.5 < places["right"]
    assert ">Left</text>" in page
    assert ">Right</text>" in page


def test_one_face_is_too_few_for_a_pair(owner):
    page = look(owner.client, "/samples/portrait.png", "lipsync-image-multi").content.decode()
    assert 'data-note="two_faces_needed"' in page


def test_silence_is_told_before_it_is_paid_for(owner, tmp_path):
    path = write_wav(tmp_path / "x.wav", np.zeros(32_000), 16_000)
    page = look(owner.client, send(owner.client, "audio", path.read_bytes())).content.decode()
    assert 'data-note="silent_audio"' in page
    assert "note--warn" in page


def test_nothing_is_said_of_a_sound_recording(owner):
    assert look(owner.client, "/samples/speech.wav").status_code == 204


def test_numbers_of_outlines_are_those_of_svg_in_every_language(owner):
    owner.client.cookies["django_language"] = "ru"
    page = look(owner.client, "/samples/pair.png", "lipsync-image-multi").content.decode()
    assert re.search(r'font-size="[\d.]+"', page)
    assert re.search(r'data-middle="0\.\d+"', page)


def test_every_code_has_words():
    with translation.override("en"):
        for level, sentence in look_words.NOTES.values():
            assert level in look_words.SIGNS
            assert (str(sentence) % {"seconds": 1}).endswith(".")


def test_the_picture_is_served_like_an_upload(owner, portrait):
    answer = owner.client.get(f"{send(owner.client, 'image', portrait)}/picture")
    assert answer["Content-Type"] == "image/jpeg"
    assert answer.content[:3] == b"\xff\xd8\xff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "private" in answer["Cache-Control"]


def test_a_sample_has_a_picture_too(owner):
    assert owner.client.get("/samples/portrait.png/picture")["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    "path", ["/samples/speech.wav/picture", "/samples/x.png/picture", "/samples/x.png/look"]
)
def test_what_is_no_picture_of_the_site_is_not_found(owner, path):
    assert owner.client.get(path).status_code == 404


def test_a_recording_has_no_picture(owner):
    url = send(owner.client, "audio", samples.speech_path().read_bytes())
    assert owner.client.get(f"{url}/picture").status_code == 404


def test_a_strangers_file_is_not_found(owner, stranger, portrait):
    url = send(owner.client, "image", portrait)
    assert [stranger.client.get(f"{url}/{what}").status_code for what in ("look", "picture")] == [404, 404]


def test_a_file_that_cannot_be_read_says_nothing_and_has_no_picture(owner, portrait, tmp_path):
    url = send(owner.client, "image", portrait)
    (tmp_path / "media" / Upload.objects.get().file).write_bytes(b"something else by now")
    assert look(owner.client, url).status_code == 204
    assert owner.client.get(f"{url}/picture").status_code == 422


def test_a_busy_site_says_when_to_ask_again(owner, portrait, monkeypatch):
    monkeypatch.setattr(looking, "WAIT", 0.0)
    url = send(owner.client, "image", portrait)
    with looking._looks.turn(owner.team.pk, seconds=0):
        answers = [look(owner.client, url), owner.client.get(f"{url}/picture")]
    assert [(answer.status_code, answer["Retry-After"]) for answer in answers] == [(202, "2")] * 2


def test_the_form_leaves_room_for_what_is_seen(owner):
    page = owner.client.get("/generate/lipsync-image-multi").content.decode()
    assert page.count('data-look="lipsync-image-multi"') == 3  # not of the mask
    assert page.count("data-paint ") == 1
