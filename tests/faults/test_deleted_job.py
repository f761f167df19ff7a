"""F23 for one job: it is deleted while it is rendered, or its deletion is cut short."""

import pytest
from django.core.files.storage import default_storage

from accounts.models import Entry, Purse
from jobs import deleting, execute, lifecycle, media, reconciliation
from jobs.execute import Made
from jobs.models import Job, State
from tests.jobs.making import claim, make_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rendering(owner):
    """A job in the hands of a worker that renders it."""
    job = make_job(owner, by="person")
    assert lifecycle.ready(claim(job), fetched={"image": f"inputs/{job.pk}/image"})
    job.refresh_from_db()
    return job, claim(job)


def everything_stored(settings) -> list[str]:
    return [path.name for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def delete(owner, job) -> None:
    assert deleting.delete(job_id=job.pk, team=owner.team, actor=owner.membership)


def later() -> None:
    deleted_at = Job.objects.get().deleted_at
    Job.objects.update(deleted_at=deleted_at - 2 * deleting.GRACE)


def check_nothing_is_left(owner, job, settings) -> None:
    assert everything_stored(settings) == []
    assert list(Purse.objects.filter(team=owner.team).values_list("reserved", flat=True)) == [0, 0]
    kinds = list(Entry.objects.filter(job_id=job.pk).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["reserve", "give_back"]
    assert reconciliation.findings() == []


def test_a_late_worker_stops_and_removes_its_file(owner, rendering, settings, tmp_path):
    job, taken = rendering
    delete(owner, job)
    assert not lifecycle.heartbeat(taken)
    film = tmp_path / "late.mp4"
    film.write_bytes(b"film")
    execute.publish(taken, film, Made(seconds=5.0, width=480, height=480))
    assert Job.objects.get(pk=job.pk).state == State.CANCELED
    check_nothing_is_left(owner, job, settings)


def test_the_file_of_a_worker_that_died_goes_with_the_row(owner, rendering, settings, tmp_path):
    """Killed between storing its result and being fenced out: nobody is left to remove the file."""
    job, taken = rendering
    delete(owner, job)
    film = tmp_path / "late.mp4"
    film.write_bytes(b"film")
    media.store_result(job.pk, taken.attempt, film)
    deleting.clear_deleted()
    assert everything_stored(settings) != []
    later()
    assert deleting.clear_deleted() == 1
    assert not Job.objects.exists()
    check_nothing_is_left(owner, job, settings)


def test_what_a_crash_left_after_the_commit_is_done_by_the_timer(owner, rendering, settings, tmp_path):
    job, taken = rendering
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    execute.publish(taken, film, Made(seconds=5.0, width=480, height=480))
    stored = Job.objects.get().output_file
    size = Job.objects.get().output_bytes
    # The site died right after the commit: the row says that it is deleted, and its files are still there.
    delete(owner, job)
    media.store(film, stored)
    Job.objects.update(output_bytes=size)
    assert deleting.clear_deleted() == 1
    assert not default_storage.exists(stored)
    assert everything_stored(settings) == []
    assert deleting.clear_deleted() == 0
    assert reconciliation.findings() == []
