"""The addresses that take a file, at once or part by part."""

import io

import pytest
from django.test import Client
from django.urls import reverse

from accounts import ledger
from jobs import uploading
from jobs.models import Job, PartialUpload, Upload
from tests.jobs.test_media import png

pytestmark = pytest.mark.django_db

BEGIN = "/uploads/parts"
PART = 1000  # bytes of a part here
RAW = "application/octet-stream"


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(uploading, "PART_BYTES", PART)


@pytest.fixture
def picture() -> bytes:
    content = png((700, 700))
    assert PART < len(content) < 10 * PART
    return content


def begin(who, content, **fields):
    return who.client.post(BEGIN, {"kind": "image", "name": "me <b>.png", "size": len(content), **fields})


def put(who, place, content, *, at=None, **extra):
    at = place["received"] if at is None else at
    return who.client.put(f"{place['url']}?at={at}", content, content_type=RAW, **extra)


def send_all(who, content):
    place = begin(who, content).json()
    while place["expected"]:
        start = place["received"]
        place = put(who, place, content[start : start + place["expected"]]).json()
    return place


def test_parts_become_what_an_upload_becomes(owner, picture):
    begun = begin(owner, picture)
    assert begun.status_code == 201
    assert begun.json() == {
        "id": str(PartialUpload.objects.get().pk),
        "size": len(picture),
        "received": 0,
        "expected": PART,
        "part": PART,
        "url": begun.json()["url"],
        "finish": f"{begun.json()['url']}/finish",
    }
    done = owner.client.post(send_all(owner, picture)["finish"])
    assert done.status_code == 201
    facts = done.json()
    assert (facts["name"], facts["width"], facts["bytes"]) == ("me <b>.png", 700, len(picture))
    assert facts["value"] == f"upload:{Upload.objects.get().pk}"
    assert b"".join(owner.client.get(facts["url"]).streaming_content) == picture


def test_finishing_again_answers_the_same(owner, picture):
    place = send_all(owner, picture)
    first = owner.client.post(place["finish"])
    again = owner.client.post(place["finish"])
    assert (again.status_code, again.json()) == (201, first.json())
    assert owner.client.get(place["url"]).json()["expected"] == 0


def test_it_says_where_it_stands(owner, picture):
    place = begin(owner, picture).json()
    put(owner, place, picture[:PART])
    asked = owner.client.get(place["url"])
    assert asked.status_code == 200
    assert (asked.json()["received"], asked["Cache-Control"].count("no-store")) == (PART, 1)


def test_a_wrong_offset_is_told_the_right_one(owner, picture):
    place = begin(owner, picture).json()
    answer = put(owner, place, picture[:PART], at=PART)
    assert (answer.status_code, answer.json()["received"]) == (409, 0)


def test_a_repeated_part_is_a_quiet_success(owner, picture):
    place = begin(owner, picture).json()
    for _ in range(2):
        answer = put(owner, place, picture[:PART])
        assert (answer.status_code, answer.json()["received"]) == (200, PART)


def test_finishing_too_early_says_what_is_missing(owner, picture):
    place = begin(owner, picture).json()
    answer = owner.client.post(place["finish"])
    assert (answer.status_code, answer.json()["expected"]) == (422, PART)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "spreadsheet"},
        {"size": ""},
        {"size": "0"},
        {"size": "-1"},
        {"size": "1e9"},
        {"size": "NaN"},
        {"size": "٣"},
        {"size": "9" * 19},
    ],
)
def test_nonsense_begins_nothing(owner, picture, fields):
    assert begin(owner, picture, **fields).status_code == 400
    assert not PartialUpload.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(owner, picture):
    answer = begin(owner, picture, size="9" * 18)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_large")


@pytest.mark.parametrize("at", ["", "-1", "x", "0.0", "9" * 19])
def test_a_part_that_begins_nowhere_is_refused(owner, picture, at):
    place = begin(owner, picture).json()
    assert put(owner, place, picture[:PART], at=at).status_code == 400


def test_a_body_of_another_size_is_refused(owner, picture):
    place = begin(owner, picture).json()
    assert put(owner, place, picture[: PART - 1]).status_code == 409
    assert put(owner, place, picture[: PART + 1]).status_code == 413
    assert put(owner, place, b"").status_code == 400
    assert put(owner, place, picture[:PART], CONTENT_LENGTH=str(PART - 1)).status_code == 409
    torn = put(owner, place, picture[:PART], **{"wsgi.input": io.BytesIO(picture[: PART - 1])})
    assert (torn.status_code, torn.json()["code"]) == (400, "cut_off")
    assert owner.client.get(place["url"]).json()["received"] == 0


def test_what_is_no_picture_is_refused_with_a_sentence(owner):
    place = send_all(owner, b"this is no picture" * 200)
    answer = owner.client.post(place["finish"])
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported_format")
    assert owner.client.get(place["url"]).status_code == 404


def test_an_abandoned_upload_is_not_there(owner, picture):
    place = begin(owner, picture).json()
    for _ in range(2):
        assert owner.client.delete(place["url"]).status_code == 204
    assert owner.client.get(place["url"]).status_code == 404
    assert put(owner, place, picture[:PART]).status_code == 404


def test_it_is_its_teams_alone(owner, teammate, stranger, picture):
    place = begin(owner, picture).json()
    assert stranger.client.get(place["url"]).status_code == 404
    assert put(stranger, place, picture[:PART]).status_code == 404
    stranger.client.delete(place["url"])
    assert put(teammate, place, picture[:PART]).status_code == 200


def test_it_is_not_begun_in_a_team_that_the_page_does_not_show(owner, stranger, picture):
    answer = begin(owner, picture, for_team=str(stranger.team.pk))
    assert answer.status_code == 302
    assert not PartialUpload.objects.exists()


def test_another_site_cannot_send_parts(owner, picture):
    place = begin(owner, picture).json()
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user)
    assert client.put(f"{place['url']}?at=0", picture[:PART], content_type=RAW).status_code == 403
    assert client.delete(place["url"]).status_code == 403
    assert client.post(place["finish"]).status_code == 403


def test_a_video_is_made_of_what_came_in_parts(owner, settings, picture):
    value = owner.client.post(send_all(owner, picture)["finish"]).json()["value"]
    form = {"image": value, "audio": f"{settings.SITE_URL}/samples/speech.wav", "resolution": "480p"}
    answer = owner.client.post("/generate/lipsync-image", form)
    assert answer["Location"] == reverse("job", args=[Job.objects.get().pk])
    assert ledger.balances(owner.team).user.reserved > 0
