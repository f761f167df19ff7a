"""How much a team may keep of uploads."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts import audit, keys
from jobs import media
from jobs.api import codes
from jobs.models import Upload
from tests.jobs.test_media import png

pytestmark = pytest.mark.django_db

FILE = png()


def send(who, **fields):
    file = SimpleUploadedFile("me.png", FILE)
    return media.accept_upload(team=who.team, user=who.user, upload=file, kind="image", **fields)


@pytest.mark.parametrize(
    ("name", "most"), [("UPLOAD_MAX_BYTES_PER_TEAM", 2 * len(FILE)), ("UPLOAD_MAX_FILES_PER_TEAM", 2)]
)
def test_a_team_keeps_so_much_and_no_more(owner, stranger, settings, name, most):
    setattr(settings, name, most)
    send(owner), send(owner)

    with pytest.raises(media.MediaRefused) as caught:
        send(owner)
    assert caught.value.code == "upload_quota"
    assert "keeps 2 uploaded files" in caught.value.sentence
    assert send(stranger)
    Upload.objects.filter(team=owner.team).first().delete()
    assert send(owner)


def test_a_test_key_fills_a_tenth(client, owner, settings):
    settings.UPLOAD_MAX_FILES_PER_TEAM = 10
    secret = keys.issue(
        team=owner.team, created_by=owner.user, is_test=True, actor=None, who=audit.UNRECORDED
    )[1]

    def post(headers):
        parts = {"kind": "image", "file": SimpleUploadedFile("me.png", FILE)}
        return client.post("/api/v1/uploads", parts, headers=headers)

    test = {"Authorization": f"Bearer {secret}"}
    assert post(test).status_code == 201
    refused = post(test)
    assert (refused.status_code, refused.json()["code"]) == (codes.ANSWERS["upload_quota"][0], "upload_quota")
    assert post(owner.headers).status_code == 201


def test_without_limits_anything_is_kept(owner, settings):
    settings.UPLOAD_MAX_FILES_PER_TEAM = settings.UPLOAD_MAX_BYTES_PER_TEAM = 0
    assert send(owner)
    assert send(owner, is_test=True)
