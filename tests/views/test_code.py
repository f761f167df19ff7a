""" "Show as code"."""

import ast
import json
import re
import shlex

import pytest
from django.urls import reverse
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.models import Job, Upload
from jobs.views import snippets

URL = reverse("code", args=["lipsync-image"])
HOSTILE = [
    'it\'s "quoted"',
    "$(touch /tmp/owned) `touch /tmp/owned` ${KEY} $KEY",
    "'; touch /tmp/owned; '",
    "\\' \\\\ \\n %s {0} {x} #{y}",
    "one\ntwo\r\nthree\ttab",
    "</script><script>alert(1)</script><!--",
    "${alert(1)} `+alert(1)+` // /* */",
    "!! !-1 ~ * ? [a-z] @file",
    "привет 世界 😀 👨‍👩‍👧",
    "\u202egnirts\u2066 \u2028\u2029\ufeff\u00a0\x7f\x85\x1b[31m\U000e0001",
    "'''\"\"\"",
    "\\",
    "$'\\x41'",
    "\\u0041 \\N{BULLET}",
]
ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def shown(person, **values):
    return person.client.post(URL, values).json()


def body(text):
    return {"formState": {"image": "https://example.com/a.png", "prompt": text, "seed": 7}}


def with_hostile(test):
    """All of HOSTILE, and whatever else comes up."""
    for text in HOSTILE:
        test = example(text)(test)
    return given(ANY)(test)


@with_hostile
def test_curl_is_one_word_for_the_shell_and_the_very_request(text):
    request = body(text)
    words = shlex.split(snippets.curl("http://localhost", "lipsync-image", request))
    assert words[:2] == ["curl", "http://localhost/api/v1/lipsync-image"]
    assert words[-2] == "--data-raw"
    assert json.loads(words[-1]) == request


@with_hostile
def test_python_holds_the_very_request(text):
    request = {"provider": text, **body(text)}
    tree = ast.parse(snippets.python("http://localhost", "lipsync-image", request))
    [found] = [item.value for item in ast.walk(tree) if isinstance(item, ast.keyword) and item.arg == "json"]
    assert ast.literal_eval(found) == request


@with_hostile
def test_javascript_text_is_the_json_of_it(text):
    program = snippets.javascript("http://localhost", "lipsync-image", body(text))
    [found] = re.findall(r"^      prompt: (.*),$", program, re.MULTILINE)
    assert json.loads(found) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_cannot_be_seen_goes_into_a_program(text):
    for program in snippets.all_of("http://localhost", "lipsync-image", body(text)):
        assert all(char.isprintable() or char == "\n" for char in program.text)


def test_form_is_shown_in_three_languages(owner):
    texts = shown(owner, image="https://example.com/me.png", audio="https://example.com/hi.wav", seed="7")[
        "texts"
    ]
    assert list(texts) == ["curl", "Python", "JavaScript"]
    for text in texts.values():
        assert "/lipsync-image" in text
        assert "https://example.com/me.png" in text
        assert "KEY" in text
        assert re.search(r'seed"?: 7\b', text)
        assert owner.secret not in text
    assert not Job.objects.exists()


def test_empty_fields_are_named_and_the_sample_stands_in(owner, settings):
    answer = shown(owner, audio="https://example.com/hi.wav")
    assert answer["note"] == "Still empty, so the site's sample stands in: Picture."
    assert f"{settings.SITE_URL}/samples/portrait.png" in answer["texts"]["curl"]


def test_pair_without_a_voice_gets_one(owner):
    answer = owner.client.post(
        reverse("code", args=["lipsync-image-multi"]), {"image": "https://example.com/2.png"}
    )
    assert "Speech of the person on the left" in answer.json()["note"]
    assert '"left_audio"' in answer.json()["texts"]["curl"]


def test_provider_that_was_chosen_is_asked_for(owner):
    texts = shown(owner, provider="embedded")["texts"]
    assert '"provider": "embedded"' in texts["Python"]
    assert 'provider: "embedded"' in texts["JavaScript"]


def test_upload_is_said_to_last_as_long_as_its_file(owner):
    kept = Upload.objects.create(
        team=owner.team, kind="image", name="me.png", file="uploads/me.png", format="png", bytes=9
    )
    answer = shown(owner, image=f"upload:{kept.pk}", audio="https://example.com/hi.wav")
    assert f'"upload:{kept.pk}"' in answer["texts"]["curl"]
    assert "for as long as the file is kept" in answer["note"]


@pytest.mark.parametrize("text", HOSTILE)
def test_page_shows_hostile_text_escaped(owner, text):
    page = owner.client.post("/generate/lipsync-image", {"check": "1", "prompt": text}).content.decode()
    assert "<script>alert" not in page
    assert owner.client.post(URL, {"prompt": text})["Content-Type"] == "application/json"


def test_text_that_is_much_too_long_is_not_shown_whole(owner):
    hostile = "'" * 200_000
    sent = {"prompt": hostile, "resolution": hostile, "image": hostile, "provider": hostile}
    page = owner.client.post("/generate/lipsync-image", sent)
    assert page.status_code == 422
    assert sum(map(len, dict(page.context["code"]["programs"]).values())) < 60_000


def test_get_is_no_way_to_ask(owner):
    assert owner.client.get(URL).status_code == 405


def test_unknown_model_is_not_found(owner):
    assert owner.client.post(reverse("code", args=["lipsync-dog"])).status_code == 404
