"""What the site says of a file before anybody pays for it."""

import os
import signal
import threading
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage

from jobs import looking, samples
from jobs.models import Upload
from jobs.turns import NoTurn

SQUARE = {"width": 480, "height": 480}
ONE, PAIR = "lipsync-image", looking.PAIR


class Elsewhere(Storage):
    """Like a storage of objects on another machine: its files have no path here."""

    def __init__(self):
        self._files = {}

    def _save(self, name, content):
        self._files[name] = content.read()
        return name

    def _open(self, name, mode):
        return ContentFile(self._files[name])

    def exists(self, name):
        return name in self._files


def kept(owner, content: bytes, *, kind: str = "image", **fields) -> Upload:
    """An upload as `media.accept_upload` leaves it."""
    file = default_storage.save("uploads/x", ContentFile(content))
    return Upload.objects.create(
        team=owner.team, kind=kind, name="x", file=file, format="png", bytes=len(content), **fields
    )


def face(middle: float, eyes: float = 50.0) -> dict:
    return {"outline": [], "region": [], "mouth": [middle, 0.5], "middle": middle, "eyes": eyes}


def seen(*faces: dict, **fields) -> dict:
    return {"version": looking.VERSION, "faces": list(faces), "least": 24, **SQUARE, **fields}


def heard(**fields) -> dict:
    return {"version": 1, "seconds": 5.0, "spoken": 4.0, "loudest": -12.0, "clipped": 0.0, **fields}


def test_what_was_seen_is_kept_and_not_looked_for_again(owner):
    upload = kept(owner, samples.portrait_path().read_bytes())

    found = looking.at_upload(upload)

    assert len(found["faces"]) == 1
    upload.refresh_from_db()
    assert upload.look == found
    default_storage.delete(upload.file)
    assert looking.at_upload(upload) == found


def test_what_an_older_version_saw_is_looked_at_anew(owner):
    upload = kept(owner, samples.portrait_path().read_bytes(), look={"version": 0})
    assert len(looking.at_upload(upload)["faces"]) == 1


def test_a_file_that_cannot_be_read_is_no_error_and_is_asked_once(owner):
    upload = kept(owner, b"no picture at all")

    assert looking.at_upload(upload)["failed"] == "unsupported_format"

    upload.refresh_from_db()
    assert looking.codes(upload.look, model=ONE) == []
    assert looking.faces(upload.look, model=ONE) == []


def test_a_file_that_is_gone_is_no_error_and_is_not_remembered(owner):
    upload = kept(owner, b"x")
    default_storage.delete(upload.file)

    assert looking.at_upload(upload) is None

    upload.refresh_from_db()
    assert upload.look is None


def looker(path: str) -> int:
    """The process that looks at that file."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
        except OSError:  # it has just ended
            continue
        if path in words:
            return int(process.name)
    raise AssertionError("Nobody looks at the file.")


def test_a_look_that_is_killed_is_not_remembered_and_the_next_one_hears(owner):
    upload = kept(owner, b"", kind="audio")
    path = default_storage.path(upload.file)
    os.unlink(path)
    os.mkfifo(path)

    def kill():
        with open(path, "wb"):  # waits until somebody reads
            os.kill(looker(path), signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()

    assert looking.at_upload(upload) is None

    killer.join()
    upload.refresh_from_db()
    assert upload.look is None
    os.unlink(path)
    Path(path).write_bytes(samples.speech_path().read_bytes())
    assert looking.at_upload(upload)["spoken"] > 0


def test_a_file_of_another_machine_is_copied_here_and_the_copy_is_removed(owner, settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "tests.jobs.test_looking.Elsewhere"},
    }
    upload = kept(owner, samples.portrait_path().read_bytes())

    assert len(looking.at_upload(upload)["faces"]) == 1

    assert list((tmp_path / "work").iterdir()) == []


def test_a_team_that_is_looked_at_already_is_told_to_ask_again(owner, monkeypatch):
    monkeypatch.setattr(looking, "WAIT", 0.0)
    upload = kept(owner, b"x")
    with looking._looks.turn(owner.team.pk, seconds=0), pytest.raises(NoTurn):
        looking.at_upload(upload)


def test_the_sites_own_files_are_looked_at_too(owner):
    assert len(looking.at_sample("portrait.png", team=owner.team)["faces"]) == 1
    assert looking.codes(looking.at_sample("speech.wav", team=owner.team), model=ONE) == []
    with pytest.raises(KeyError):
        looking.at_sample("../settings.py", team=owner.team)


def test_a_picture_to_paint_on_is_a_jpeg(owner):
    upload = kept(owner, samples.portrait_path().read_bytes())
    assert looking.picture_of_upload(upload)[:3] == b"\xff\xd8\xff"
    assert looking.picture_of_sample("portrait.png", team=owner.team)[:3] == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    ("found", "one", "pair"),
    [
        (seen(), "no_face", "two_faces_needed"),
        (seen(later=None), "no_face_yet", "two_faces_needed"),
        (seen(later=3.0), "face_later", "two_faces_needed"),
        (seen(face(0.5)), "one_face", "two_faces_needed"),
        (seen(face(0.5, 20)), "face_small_480", "two_faces_needed"),
        (seen(face(0.5, 15)), "face_small", "two_faces_needed"),
        (seen(face(0.7), face(0.2)), "several_faces", "two_faces"),
        (seen(face(0.7), face(0.2, 20)), "several_faces", "face_small_480"),
        (seen(face(0.7), face(0.2, 10)), "several_faces", "face_small"),
        (seen(face(0.7), face(0.2), face(0.4)), "several_faces", "more_faces"),
        ({"version": 1, "failed": "too_large"}, "too_thin", "too_thin"),
        (heard(), "", ""),
        (heard(spoken=0.0, loudest=-80.0), "silent_audio", "silent_audio"),
        (heard(loudest=-50.0), "quiet_audio", "quiet_audio"),
        (heard(clipped=0.01), "clipped_audio", "clipped_audio"),
    ],
)
def test_each_case_has_its_code(found, one, pair):
    assert ["".join(looking.codes(found, model=model)) for model in (ONE, PAIR)] == [one, pair]


def test_the_largest_face_speaks():
    found = seen(face(0.7), face(0.2), face(0.4, 10))
    assert [each.role for each in looking.faces(found, model=ONE)] == ["speaks", "other", "other"]


def test_the_two_largest_of_a_pair_are_left_and_right_as_they_are_seen():
    found = seen(face(0.7), face(0.4), face(0.1))
    assert [each.role for each in looking.faces(found, model=PAIR)] == ["right", "left", "other"]


def test_nobody_of_a_pair_speaks_while_only_one_is_large_enough():
    found = seen(face(0.7), face(0.4, 10))
    assert [each.role for each in looking.faces(found, model=PAIR)] == ["other", "other"]
