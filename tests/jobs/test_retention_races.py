"""Keeping, expiring, deleting and submitting at the same moment: one of them wins, and files and rows agree."""

import threading
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from jobs import deleting, lifecycle, media, reconciliation, retention
from jobs.form_state import upload_value
from jobs.models import Job, JobInput, Upload, WebhookDelivery
from jobs.problems import Invalid
from tests.jobs.making import claim, make_job, result
from tests.jobs.test_retention import finished, upload
from tests.racing import at_once, until_waited

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)


def keep(actor, job) -> bool:
    return retention.keep(job_id=job.pk, team=actor.team, actor=actor.membership)


def delete(actor, job) -> bool:
    return deleting.delete(job_id=job.pk, team=actor.team, actor=actor.membership)


def test_nothing_is_kept_in_its_last_minute(owner):
    """Expiry could begin before the keeping ends: it would remove the video of a kept job."""
    job = finished(owner)
    Job.objects.update(expires_at=timezone.now() + retention.SETTLING - SECOND)
    assert not keep(owner, job)
    Job.objects.update(expires_at=timezone.now() + retention.SETTLING + 20 * SECOND)
    assert keep(owner, job)


def test_kept_and_expired_at_once_a_kept_video_is_there(owner):
    jobs = [finished(owner) for _ in range(4)]
    Job.objects.filter(pk__in=[job.pk for job in jobs[:2]]).update(expires_at=timezone.now() - SECOND)
    works = [lambda job=job: keep(owner, job) for job in jobs]
    *kept, expired = at_once(*works, media.expire)
    assert (kept, expired) == ([False, False, True, True], 2)
    for job in Job.objects.all():
        assert job.keep == default_storage.exists(f"results/{job.pk}/1.mp4")


def test_kept_twice_at_once_it_is_kept_once_and_no_more_than_may_be(owner, settings):
    settings.KEPT_MAX_PER_TEAM = 2
    jobs = [finished(owner) for _ in range(4)]
    outcomes = at_once(*[lambda job=job: keep(owner, job) for job in jobs])
    refused = [each for each in outcomes if isinstance(each, retention.TooManyKept)]
    assert (outcomes.count(True), len(refused)) == (2, 2)
    assert retention.kept(owner.team).count() == 2


def test_kept_and_deleted_at_once_it_is_deleted(owner):
    job = finished(owner)
    _kept, deleted = at_once(lambda: keep(owner, job), lambda: delete(owner, job))
    assert deleted is True
    job.refresh_from_db()
    assert (job.keep, job.output_file) == (False, "")
    assert not default_storage.exists(f"results/{job.pk}")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite's one writer waits before it looks")
@pytest.mark.parametrize("release", ["let_go", "delete"])
def test_an_input_that_is_released_while_another_job_takes_hold_of_it_is_held(owner, release):
    file = upload(owner)
    first, second = (finished(owner, image=upload_value(file.pk)) for _ in range(2))
    keep(owner, first)

    def let_go():
        try:
            if release == "delete":
                delete(owner, first)
            else:
                retention.let_go(job_id=first.pk, team=owner.team, actor=owner.membership)
        finally:
            connection.close()

    thread = threading.Thread(target=let_go)
    with transaction.atomic():
        keep(owner, second)
        thread.start()
        until_waited()
    thread.join()
    file.refresh_from_db()
    assert (retention.kept(owner.team).count(), file.expires_at) == (1, None)


def test_finished_and_deleted_at_once_nothing_is_left_and_the_ledger_adds_up(owner):
    job = make_job(owner, by="person", webhook="http://localhost:9/hook")
    assert lifecycle.ready(claim(job), fetched={})
    job.refresh_from_db()
    claimed = claim(job)
    at_once(lambda: lifecycle.succeed(claimed, result(job)), lambda: delete(owner, job))
    job.refresh_from_db()
    assert (job.output_file, job.form_state) == ("", {})
    assert job.deleted_at
    assert not WebhookDelivery.objects.exists()
    assert reconciliation.findings() == []


def test_a_claim_ties_the_uploads_to_the_job_and_its_end_moves_theirs_on(owner):
    file = upload(owner, ends=timedelta(days=1))
    job = make_job(owner, image=upload_value(file.pk))
    claim(job)
    assert list(job.uses.values_list("upload", flat=True)) == [file.pk]
    lifecycle.cancel(job.pk)
    file.refresh_from_db()
    assert file.expires_at > timezone.now() + timedelta(days=29)


def test_a_job_that_nobody_has_claimed_holds_its_uploads(owner):
    file, other = upload(owner), upload(owner)
    job = make_job(owner, image=upload_value(file.pk))
    Upload.objects.filter(pk=file.pk).update(expires_at=timezone.now() - SECOND)
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - 5 * SECOND)
    Upload.objects.filter(pk=other.pk).update(expires_at=timezone.now() - 10 * SECOND)
    media.expire()
    assert list(Upload.objects.values_list("pk", flat=True)) == [file.pk]
    lifecycle.cancel(job.pk)
    media.expire()
    assert not Upload.objects.exists()


def test_an_upload_whose_time_is_over_is_refused_before_it_is_removed(owner):
    file = upload(owner, ends=-SECOND)
    with pytest.raises(Invalid) as refused:
        make_job(owner, image=upload_value(file.pk))
    assert refused.value.fields[0].code == "upload_not_found"
    assert not JobInput.objects.exists()


def test_a_deletion_removes_its_own_uploads_at_once_and_leaves_what_is_in_line(owner):
    own, shared = upload(owner), upload(owner)
    job = finished(owner, image=upload_value(own.pk))
    other = finished(owner, image=upload_value(shared.pk))
    waiting = make_job(owner, image=upload_value(shared.pk))
    assert delete(owner, job)
    assert delete(owner, other)
    assert list(Upload.objects.values_list("pk", flat=True)) == [shared.pk]
    assert not default_storage.exists(own.file)
    assert default_storage.exists(shared.file)
    assert delete(owner, waiting)
    assert not default_storage.exists(shared.file)


def test_nobody_is_told_of_an_end_that_only_the_deletion_brought(owner, httpserver, settings):
    settings.OUTBOUND_ALLOW_LOOPBACK = True
    job = make_job(owner, webhook=httpserver.url_for("/hook"))
    assert delete(owner, job)
    assert not WebhookDelivery.objects.exists()
    assert httpserver.log == []
