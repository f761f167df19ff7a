"""Uploads: what is taken, what is refused, and whose they are."""

import io
import os
import time
from contextlib import contextmanager

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.db.models.signals import pre_save
from PIL import Image

from jobs import catalog, form_state, media, samples, submit
from jobs.models import Upload
from jobs.problems import Invalid

pytestmark = pytest.mark.django_db


def png(size=(64, 48)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, "teal").save(data, "PNG")
    return data.getvalue()


def send(owner, content, *, kind, name="file"):
    upload = SimpleUploadedFile(name, content)
    return media.accept_upload(team=owner.team, user=owner.user, upload=upload, kind=kind)


@contextmanager
def no_rows():
    """The database takes no upload."""

    def refuse(**_):
        raise DatabaseError("database is locked")

    pre_save.connect(refuse, sender=Upload)
    try:
        yield
    finally:
        pre_save.disconnect(refuse, sender=Upload)


def files() -> list[str]:
    root = media.settings.MEDIA_ROOT
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def stored(name: str, *, hours: float) -> str:
    """A file that was stored so long ago."""
    name = default_storage.save(name, ContentFile(b"x"))
    then = time.time() - hours * 3600
    os.utime(default_storage.path(name), (then, then))
    return name


def test_a_picture_is_probed_and_kept(owner):
    upload = send(owner, png(), kind="image", name="..\\évil/../portrait.png")
    assert (upload.name, upload.width, upload.height, upload.format) == ("portrait.png", 64, 48, "png")
    with default_storage.open(upload.file) as file:
        assert file.read() == png()
    assert "portrait" not in upload.file


def test_speech_has_a_length(owner):
    upload = send(owner, samples.speech_path().read_bytes(), kind="audio")
    assert upload.seconds == pytest.approx(5.76, abs=0.2)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"", "image", "image_unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image", "unsupported_format"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "audio", "unsupported_format"),
        (png()[:60], "image", "image_unreadable"),
        (png(), "audio", "unsupported_format"),
    ],
    ids=["empty", "svg", "ffconcat", "cut", "picture as audio"],
)
def test_what_is_no_medium_is_refused_and_not_kept(owner, content, kind, code):
    with pytest.raises(media.MediaRefused) as caught:
        send(owner, content, kind=kind)
    assert caught.value.code == code
    assert not Upload.objects.exists()
    assert not (media.settings.MEDIA_ROOT / "uploads").exists()
    assert list(media.work_folder().iterdir()) == []


def test_a_file_whose_row_cannot_be_written_goes(owner):
    with no_rows(), pytest.raises(DatabaseError):
        send(owner, png(), kind="image")
    assert files() == []
    assert list(media.work_folder().iterdir()) == []
    kept = send(owner, png(), kind="image")
    assert files() == [kept.file]


def test_what_a_killed_process_stored_without_a_row_goes_after_a_day(owner, stranger):
    kept = send(owner, png(), kind="image")
    os.utime(default_storage.path(kept.file), (0, 0))
    young = stored(f"uploads/{owner.team.pk}/young", hours=23)
    elsewhere = stored("uploads/elsewhere", hours=25)
    stored(f"uploads/{owner.team.pk}/old", hours=25)
    stored(f"uploads/{stranger.team.pk}/old", hours=25)
    media.expire()
    assert files() == sorted([kept.file, young, elsewhere])


def test_a_few_teams_are_swept_each_time_and_all_in_turn(owner, stranger, monkeypatch):
    monkeypatch.setattr(media, "SWEPT", 1)
    for team in (owner.team, stranger.team):
        stored(f"uploads/{team.pk}/old", hours=25)
    media.expire()
    assert len(files()) == 1
    for _ in range(200):  # a team that is drawn with a chance of one half
        media.expire()
    assert files() == []


def test_a_file_beyond_the_limit_is_refused(owner, settings):
    settings.MEDIA_MAX_IMAGE_BYTES = 100
    with pytest.raises(media.MediaRefused) as caught:
        send(owner, png(), kind="image")
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\x00b\u202egnp.exe", "abgnp.exe"),
        ("x" * 4000, "x" * 100),
        ("", "file"),
        ("..", ".."),
    ],
)
def test_a_name_is_cleaned_for_show(name, shown):
    assert media.clean_name(name) == shown


def job_with(actor, upload):
    values = {"image": f"upload:{upload.pk}", "audio": "http://localhost:8000/samples/speech.wav"}
    state = form_state.build(catalog.get("lipsync-image"), values)
    return submit.submit(team=actor.team, actor=actor.membership, form_state=state)


def test_a_teammate_uses_the_teams_upload_and_a_stranger_does_not(owner, teammate, stranger):
    upload = send(owner, png(), kind="image", name="me.png")
    job = job_with(teammate, upload)
    assert job.form_state["label"] == "me-speech"
    assert job.purse == "user"
    with pytest.raises(Invalid) as caught:
        job_with(stranger, upload)
    assert caught.value.fields[0].code == "upload_not_found"
