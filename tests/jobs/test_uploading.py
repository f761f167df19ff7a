"""Large files in parts: what is kept, what goes on, what goes away."""

import threading
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.models import Team
from jobs import leaving, media, uploading
from jobs.models import PartialUpload, Upload
from tests.jobs.test_media import files, no_rows, png, send

pytestmark = pytest.mark.django_db(transaction=True)

SMALL = 100_000  # bytes of a part here


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(uploading, "PART_BYTES", SMALL)


@pytest.fixture(scope="session")
def speech(spoken) -> bytes:
    content = spoken.read_bytes()
    assert len(content) > 2 * SMALL
    return content


class Clinging(FileSystemStorage):
    """Removes no part."""

    def delete(self, name):
        if name.startswith("parts/"):
            raise OSError("Read-only file system")
        super().delete(name)


def begin(who, content, *, kind="audio", name="speech.wav"):
    return uploading.begin(team=who.team, user=who.user, kind=kind, name=name, size=len(content))


def part(content, number):
    return content[number * SMALL : (number + 1) * SMALL]


def add(who, partial, content, number):
    return uploading.add_part(team=who.team, pk=partial.pk, at=number * SMALL, content=part(content, number))


def send_all(who, content, **fields):
    partial = begin(who, content, **fields)
    for number in range(-(-len(content) // SMALL)):
        add(who, partial, content, number)
    return partial


def test_the_parts_become_one_upload_under_the_same_id(owner, speech):
    partial = send_all(owner, speech, name="../my\x00 speech.wav")
    kept = uploading.finish(team=owner.team, pk=partial.pk)
    assert (kept.pk, kept.name, kept.kind, kept.bytes) == (partial.pk, "my speech.wav", "audio", len(speech))
    assert kept.person == owner.user
    assert kept.seconds == pytest.approx(5.76, abs=0.2)
    with default_storage.open(kept.file) as file:
        assert file.read() == speech
    assert files() == [kept.file]
    assert not PartialUpload.objects.exists()
    assert list(media.work_folder().iterdir()) == []


def test_finishing_again_gives_the_same_upload(owner, speech):
    partial = send_all(owner, speech)
    first = uploading.finish(team=owner.team, pk=partial.pk)
    assert uploading.finish(team=owner.team, pk=partial.pk) == first
    assert uploading.standing(team=owner.team, pk=partial.pk).received == len(speech)
    assert len(files()) == 1


def test_a_repeated_part_changes_nothing(owner, speech):
    partial = begin(owner, speech)
    add(owner, partial, speech, 0)
    before = files()
    assert add(owner, partial, speech, 0).received == SMALL
    assert add(owner, partial, speech, 1).received == 2 * SMALL
    assert add(owner, partial, speech, 0).received == 2 * SMALL
    assert len(files()) == len(before) + 1


@pytest.mark.parametrize(
    ("at", "length"),
    [(0, SMALL), (SMALL + 1, SMALL), (SMALL, SMALL - 1), (SMALL, SMALL + 1), (10**17, 1), (SMALL, 0)],
    ids=["too far back and longer", "a gap", "short", "long", "far beyond", "empty"],
)
def test_another_part_than_the_next_is_told_where_to_go_on(owner, speech, at, length):
    partial = begin(owner, speech)
    add(owner, partial, speech, 0)
    if at == 0:
        at, length = 1, SMALL  # overlaps what is here
    with pytest.raises(uploading.WrongPart) as caught:
        uploading.add_part(team=owner.team, pk=partial.pk, at=at, content=b"x" * length)
    assert caught.value.partial.received == SMALL
    assert len(files()) == 1


def test_what_a_killed_server_left_of_a_part_is_not_used(owner, speech):
    partial = begin(owner, speech)
    add(owner, partial, speech, 0)
    # It had taken its number and written a piece.
    PartialUpload.objects.update(parts=2)
    default_storage.save(f"parts/{partial.pk}/{SMALL}-1", ContentFile(b"torn"))
    default_storage.save(f"parts/{partial.pk}/{SMALL}-1", ContentFile(b"a name that the storage made"))
    for number in range(1, -(-len(speech) // SMALL)):
        add(owner, partial, speech, number)
    kept = uploading.finish(team=owner.team, pk=partial.pk)
    with default_storage.open(kept.file) as file:
        assert file.read() == speech
    assert files() == [kept.file]


def test_parts_sent_by_many_at_once_make_one_file(owner, speech):
    partial = begin(owner, speech)
    last = -(-len(speech) // SMALL) - 1
    start = threading.Barrier(4)

    def push():
        try:
            start.wait()
            while (at := uploading.standing(team=owner.team, pk=partial.pk).received) < len(speech):
                try:
                    uploading.add_part(
                        team=owner.team, pk=partial.pk, at=at, content=part(speech, at // SMALL)
                    )
                except uploading.WrongPart:
                    continue
        finally:
            connection.close()

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files()) == last + 1  # whoever was slower has taken theirs away
    kept = uploading.finish(team=owner.team, pk=partial.pk)
    with default_storage.open(kept.file) as file:
        assert file.read() == speech


def test_two_that_finish_at_once_keep_one_file(owner, speech):
    partial = send_all(owner, speech)
    start, found = threading.Barrier(2), []

    def end():
        try:
            start.wait()
            found.append(uploading.finish(team=owner.team, pk=partial.pk).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=end) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [partial.pk, partial.pk]
    assert files() == [Upload.objects.get().file]


def test_an_upload_whose_row_cannot_be_written_keeps_its_parts_alone(owner, speech):
    partial = send_all(owner, speech)
    parts = files()
    with no_rows(), pytest.raises(DatabaseError):
        uploading.finish(team=owner.team, pk=partial.pk)
    assert files() == parts
    kept = uploading.finish(team=owner.team, pk=partial.pk)
    assert files() == [kept.file]


def test_an_upload_is_kept_even_where_its_parts_cannot_be_removed(owner, settings, speech):
    partial = send_all(owner, speech)
    clinging = {"BACKEND": "tests.jobs.test_uploading.Clinging", "OPTIONS": {"location": settings.MEDIA_ROOT}}
    settings.STORAGES = {**settings.STORAGES, "default": clinging}
    kept = uploading.finish(team=owner.team, pk=partial.pk)
    assert Upload.objects.get() == kept
    assert kept.file in files()


def test_a_file_that_has_to_wait_for_its_probe_is_not_put_together(owner, speech, monkeypatch):
    monkeypatch.setattr(media, "PROBE_WAIT", 0.05)
    partial = send_all(owner, speech)
    default_storage.delete(f"parts/{partial.pk}/0-0")  # which whoever puts them together would miss
    with media._probes.turn(owner.team.pk, seconds=0), pytest.raises(media.MediaRefused) as caught:
        uploading.finish(team=owner.team, pk=partial.pk)
    assert caught.value.code == "busy"
    assert PartialUpload.objects.get() == partial


def test_an_unfinished_upload_cannot_be_finished(owner, speech):
    partial = begin(owner, speech)
    add(owner, partial, speech, 0)
    with pytest.raises(uploading.WrongPart) as caught:
        uploading.finish(team=owner.team, pk=partial.pk)
    assert caught.value.partial.received == SMALL


def test_what_is_no_medium_is_refused_and_gone(owner):
    partial = send_all(owner, b"this is no song" * 10_000)
    with pytest.raises(media.MediaRefused) as caught:
        uploading.finish(team=owner.team, pk=partial.pk)
    assert caught.value.code == "unsupported_format"
    assert not PartialUpload.objects.exists()
    assert not Upload.objects.exists()
    assert files() == []
    with pytest.raises(uploading.NotThere):
        uploading.finish(team=owner.team, pk=partial.pk)


def test_a_part_that_the_storage_lost_is_said(owner, speech):
    partial = send_all(owner, speech)
    default_storage.delete(f"parts/{partial.pk}/{SMALL}-1")
    with pytest.raises(media.MediaRefused) as caught:
        uploading.finish(team=owner.team, pk=partial.pk)
    assert caught.value.code == "upload_not_found"
    assert files() == []


def test_a_full_disk_keeps_what_is_here(owner, speech):
    partial = begin(owner, speech)
    add(owner, partial, speech, 0)
    folder = media.settings.MEDIA_ROOT / "parts" / str(partial.pk)
    folder.rename(folder.with_name("aside"))
    folder.write_text("a file where a folder should be")
    with pytest.raises(media.MediaRefused) as caught:
        add(owner, partial, speech, 1)
    assert caught.value.code == "storage_full"
    folder.unlink()
    folder.with_name("aside").rename(folder)
    assert add(owner, partial, speech, 1).received == 2 * SMALL


def test_a_stranger_finds_nothing(owner, stranger, speech):
    partial = send_all(owner, speech)
    for ask in (uploading.standing, uploading.finish):
        with pytest.raises(uploading.NotThere):
            ask(team=stranger.team, pk=partial.pk)
    with pytest.raises(uploading.NotThere):
        add(stranger, partial, speech, 0)
    assert not uploading.abandon(team=stranger.team, pk=partial.pk)
    uploading.finish(team=owner.team, pk=partial.pk)
    with pytest.raises(uploading.NotThere):
        uploading.standing(team=stranger.team, pk=partial.pk)


def test_an_abandoned_upload_leaves_nothing(owner, speech):
    partial = begin(owner, speech)
    add(owner, partial, speech, 0)
    assert uploading.abandon(team=owner.team, pk=partial.pk)
    assert files() == []
    assert not uploading.abandon(team=owner.team, pk=partial.pk)
    with pytest.raises(uploading.NotThere):
        add(owner, partial, speech, 1)


def test_a_file_beyond_the_limit_is_refused_before_it_is_sent(owner, settings):
    settings.MEDIA_MAX_AUDIO_BYTES = 100
    with pytest.raises(media.MediaRefused) as caught:
        begin(owner, b"x" * 101)
    assert caught.value.code == "too_large"
    assert begin(owner, b"x" * 100)


def test_what_is_coming_in_counts_against_what_a_team_may_keep(owner, stranger, settings, speech):
    settings.UPLOAD_MAX_BYTES_PER_TEAM = len(speech) + 100
    partial = begin(owner, speech)
    for more in (lambda: begin(owner, speech), lambda: send(owner, png((900, 900)), kind="image")):
        with pytest.raises(media.MediaRefused) as caught:
            more()
        assert caught.value.code == "upload_quota"
    assert begin(stranger, speech)
    uploading.abandon(team=owner.team, pk=partial.pk)
    assert begin(owner, speech)


def test_a_team_has_so_many_under_way_and_no_more(owner, stranger, monkeypatch):
    monkeypatch.setattr(uploading, "MOST_UNFINISHED", 2)
    first = begin(owner, b"1")
    begin(owner, b"2")
    with pytest.raises(media.MediaRefused) as caught:
        begin(owner, b"3")
    assert caught.value.code == "too_many_unfinished"
    assert begin(stranger, b"3")
    uploading.abandon(team=owner.team, pk=first.pk)
    assert begin(owner, b"3")


def test_one_that_nobody_goes_on_with_goes_after_a_day(owner, speech):
    old, young = begin(owner, speech), begin(owner, speech)
    for partial in (old, young):
        add(owner, partial, speech, 0)
    PartialUpload.objects.filter(pk=old.pk).update(changed_at=timezone.now() - timedelta(days=1, minutes=1))
    media.expire()
    assert files() == [f"parts/{young.pk}/0-0"]
    assert PartialUpload.objects.get() == young


def test_the_parts_of_a_deleted_account_go(owner, teammate, speech):
    gone, stays = begin(teammate, speech), begin(owner, speech)
    for partial in (gone, stays):
        add(owner, partial, speech, 0)
    teammate.user.delete()
    assert len(files()) == 2
    media.expire()
    assert files() == [f"parts/{stays.pk}/0-0"]
    assert add(owner, stays, speech, 1).received == 2 * SMALL


def test_a_deleted_team_leaves_no_parts(owner, speech):
    partial = begin(owner, speech)
    add(owner, partial, speech, 0)
    Team.objects.filter(pk=owner.team.pk).update(deleted_at=timezone.now())
    assert leaving.clear_closed() == 1
    assert files() == []
    assert not PartialUpload.objects.exists()
    assert leaving.clear_closed() == 0
