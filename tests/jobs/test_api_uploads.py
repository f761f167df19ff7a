"""POST /api/v1/uploads: a file instead of a public address."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts import audit, keys
from jobs.models import Job, Upload
from tests.jobs.test_media import png

pytestmark = pytest.mark.django_db

URL = "/api/v1/uploads"


def send(client, headers, **parts):
    return client.post(URL, parts, headers=headers)


def picture(name="me.png", content=None):
    return SimpleUploadedFile(name, png() if content is None else content)


def test_the_value_stands_for_the_file_in_a_form_state(client, owner):
    answer = send(client, owner.headers, kind="image", file=picture())
    document = answer.json()
    assert answer.status_code == 201
    kept = Upload.objects.get(team=owner.team)
    assert (document["id"], document["value"]) == (str(kept.pk), f"upload:{kept.pk}")
    assert (document["kind"], document["name"], document["bytes"]) == ("image", "me.png", len(png()))
    assert document["seconds"] is None
    assert document["width"] == kept.width
    state = {"image": document["value"], "audio": "http://localhost:8000/samples/speech.wav"}
    submitted = client.post(
        "/api/v1/lipsync-image",
        json.dumps({"formState": state}),
        content_type="application/json",
        headers=owner.headers,
    )
    assert Job.objects.get(pk=submitted.json()["id"]).ready


def test_another_team_cannot_use_it(client, owner, stranger):
    value = send(client, owner.headers, kind="image", file=picture()).json()["value"]
    body = json.dumps({"formState": {"image": value, "audio": "http://localhost:8000/samples/speech.wav"}})
    answer = client.post(
        "/api/v1/lipsync-image", body, content_type="application/json", headers=stranger.headers
    )
    assert answer.json()["fields"][0]["code"] == "upload_not_found"


@pytest.mark.parametrize(
    ("parts", "field", "code"),
    [
        ({"file": b""}, "kind", "required"),
        ({"kind": "picture", "file": b""}, "kind", "not_a_choice"),
        ({"kind": ["image", "audio"], "file": b""}, "kind", "not_a_choice"),
        ({"kind": "image"}, "file", "required"),
        ({"kind": "image", "fiel": b"x"}, "fiel", "unknown_field"),
        ({"kind": "image", "file": b"x", "team": "1"}, "team", "unknown_field"),
        ({"kind": "image", "file": b"<svg/>"}, "file", "unsupported_format"),
        ({"kind": "image", "file": b""}, "file", None),
        ({"kind": "audio", "file": "png"}, "file", "unsupported_format"),
    ],
)
def test_refuses_what_does_not_fit(client, owner, parts, field, code):
    made = {
        name: picture(content=png() if part == "png" else part)
        if isinstance(part, bytes) or part == "png"
        else part
        for name, part in parts.items()
    }
    answer = send(client, owner.headers, **made)
    assert answer.status_code == 422
    problem = answer.json()["fields"][0]
    assert problem["field"] == field
    assert code is None or problem["code"] == code
    assert not Upload.objects.exists()


def test_two_files_are_refused(client, owner):
    answer = send(client, owner.headers, kind="image", file=[picture(), picture()])
    assert answer.json()["fields"][0]["field"] == "file"
    assert not Upload.objects.exists()


def test_too_large_is_413(client, owner, settings):
    settings.MEDIA_MAX_IMAGE_BYTES = 10
    answer = send(client, owner.headers, kind="image", file=picture())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_larger_than_any_kind_is_413_before_it_is_read(client, owner, settings):
    for kind in ("IMAGE", "AUDIO", "VIDEO"):
        setattr(settings, f"MEDIA_MAX_{kind}_BYTES", 10)
    answer = send(client, owner.headers, kind="nonsense", file=picture(content=b"x" * 200_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body", [b"--x\r\n", b"x" * 100, b"--x\r\nContent-Disposition: form-data; name=kind\r\n\r\nimage"]
)
def test_a_form_that_is_none_is_refused(client, owner, body):
    answer = client.generic(
        "POST", URL, body, content_type="multipart/form-data; boundary=x", headers=owner.headers
    )
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("malformed_form", "invalid")


def test_a_form_without_a_boundary_is_400(client, owner):
    answer = client.generic("POST", URL, b"x", content_type="multipart/form-data", headers=owner.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_form")


def test_more_parts_than_anybody_needs_are_refused(client, owner):
    answer = send(client, owner.headers, **{f"k{number}": "1" for number in range(300)})
    assert answer.status_code in (400, 422)


def test_json_is_415(client, owner):
    answer = client.post(URL, "{}", content_type="application/json", headers=owner.headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "not_multipart")


def test_needs_a_key_that_is_good(client, owner):
    assert send(client, {}, kind="image", file=picture()).status_code == 401
    keys.revoke(key=owner.key, actor=None, who=audit.UNRECORDED)
    assert send(client, owner.headers, kind="image", file=picture()).status_code == 401
    assert not Upload.objects.exists()
