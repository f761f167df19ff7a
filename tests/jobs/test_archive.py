"""The ZIP of many results: whole, of the size that was told, with names of their own, and bounded."""

import io
import os
import uuid
import zipfile
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from jobs import archive
from jobs.models import Job
from tests.jobs.test_history import add


def made(actor, content=b"a video", **more) -> Job:
    pk = more.pop("pk", None) or uuid.uuid4()
    name = default_storage.save(f"results/{pk}/1.mp4", ContentFile(content))
    return add(actor, pk=pk, output_file=name, **more)


def packed(actor, *jobs) -> tuple[zipfile.ZipFile, int, int]:
    """The archive, the size that was told and the size that came."""
    sent = archive.pack(team=actor.team, jobs=jobs)
    data = b"".join(sent.chunks)
    sent.close()
    return zipfile.ZipFile(io.BytesIO(data)), sent.size, len(data)


def test_every_video_is_whole_and_the_size_is_known_before(owner):
    contents = [b"first", b"", b"x" * 700_000]
    jobs = [made(owner, content) for content in contents]
    found, told, came = packed(owner, *jobs)
    assert told == came
    assert found.testzip() is None
    assert [found.read(name) for name in found.namelist()] == contents


def test_names_are_sensible_and_differ_even_where_ids_begin_alike(owner):
    same = "12345678-0000-0000-0000-00000000000"
    jobs = [made(owner, label="../Große Rede", pk=uuid.UUID(f"{same}{number}")) for number in range(3)]
    names = packed(owner, *jobs)[0].namelist()
    stem = jobs[0].download_name.removesuffix(".mp4")
    assert names == [f"{stem}.mp4", f"{stem}-2.mp4", f"{stem}-3.mp4"]
    assert "/" not in stem
    assert ".." not in stem


def test_jobs_without_a_video_are_named_in_a_text(owner):
    there = made(owner)
    without = [
        add(owner, state="failed"),
        made(owner, expires_at=timezone.now() - timedelta(seconds=1)),
        add(owner, output_file="results/nowhere/1.mp4"),
    ]
    found, told, came = packed(owner, there, *without)
    assert told == came
    text = found.read(archive.LEFT_OUT).decode()
    assert all(str(job.pk) in text for job in without)
    assert str(there.pk) not in text
    assert len(found.namelist()) == 2


def test_what_is_deleted_while_it_is_sent_comes_whole(owner):
    jobs = [made(owner, content) for content in (b"first", b"second")]
    sent = archive.pack(team=owner.team, jobs=jobs)
    for job in jobs:
        default_storage.delete(job.output_file)
    found = zipfile.ZipFile(io.BytesIO(b"".join(sent.chunks)))
    sent.close()
    assert [found.read(name) for name in found.namelist()] == [b"first", b"second"]


def test_files_are_closed_when_nobody_reads_them(owner):
    before = len(os.listdir("/proc/self/fd"))
    sent = archive.pack(team=owner.team, jobs=[made(owner) for _ in range(5)])
    sent.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_team_has_one_at_a_time_and_the_turn_comes_back(owner):
    job = made(owner)
    sent = archive.pack(team=owner.team, jobs=[job])
    with pytest.raises(archive.NoTurn):
        archive.pack(team=owner.team, jobs=[job])
    sent.close()
    packed(owner, job)


def test_a_pack_that_fails_gives_its_turn_back(owner):
    def broken():
        raise OSError("The storage is away.")
        yield

    with pytest.raises(OSError, match="away"):
        archive.pack(team=owner.team, jobs=broken())
    packed(owner, made(owner))


def test_an_answer_that_nobody_reads_gives_its_turn_back(owner):
    job = made(owner)
    for _time in range(2):
        answer = owner.client.get("/jobs/selected/zip", {"job": job.pk})
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/zip"
        # What closing the answer does, but for the signal that ends the test's database as well.
        for close in answer._resource_closers:
            close()


def test_the_answer_tells_its_size_and_a_name(owner):
    job = made(owner)
    answer = owner.client.get("/jobs/selected/zip", {"job": job.pk})
    data = b"".join(answer.streaming_content)
    assert int(answer["Content-Length"]) == len(data)
    assert answer["Content-Disposition"].startswith('attachment; filename="videos-')
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None


def test_only_what_is_being_sent_is_in_memory(owner):
    jobs = [made(owner, bytes(3_000_000)) for _ in range(3)]
    sent = archive.pack(team=owner.team, jobs=jobs)
    assert max(len(chunk) for chunk in sent.chunks) <= 1_000_000
    sent.close()
