"""A deleted job is found nowhere, its files are gone, and the ledger still adds up."""

import threading

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts import ledger
from accounts.models import AuditEvent, Entry, Role
from jobs import deleting, lifecycle, media, queries, reconciliation, retention
from jobs.form_state import upload_value
from jobs.models import Job, Upload, WebhookDelivery
from tests.conftest import character
from tests.jobs.making import claim, make_job, result
from tests.jobs.test_retention import finished, upload

pytestmark = pytest.mark.django_db(transaction=True)


def delete(actor, job) -> bool:
    return deleting.delete(job_id=job.pk, team=actor.team, actor=actor.membership)


def test_a_deleted_job_is_found_nowhere(owner, client):
    job = finished(owner)
    address = reverse("file", args=[job.pk, job.output_token])
    assert b"".join(client.get(address).streaming_content) == b"film"
    assert delete(owner, job)
    assert client.get(address).status_code == 404
    assert owner.client.get(reverse("job", args=[job.pk])).status_code == 404
    assert client.get(f"/api/v1/jobs/{job.pk}", headers=owner.headers).status_code == 404
    assert client.get("/api/v1/jobs", headers=owner.headers).json()["jobs"] == []
    assert not queries.of_team(owner.team).exists()
    assert str(job.pk) not in owner.client.get(reverse("history")).content.decode()


def test_its_files_are_gone_and_its_row_says_nothing(owner):
    file = upload(owner)
    job = finished(owner, image=upload_value(file.pk), prompt="calm")
    delete(owner, job)
    media.expire()
    assert not default_storage.exists(f"results/{job.pk}")
    assert not default_storage.exists(file.file)
    assert not Upload.objects.exists()
    job.refresh_from_db()
    assert (job.form_state, job.search, job.person, job.output_url, job.output_bytes) == (
        {},
        "",
        None,
        "",
        None,
    )


def test_an_input_that_another_job_uses_stays(owner):
    file = upload(owner)
    first, second = (finished(owner, image=upload_value(file.pk)) for _ in range(2))
    delete(owner, first)
    media.expire()
    assert default_storage.exists(file.file)
    delete(owner, second)
    media.expire()
    assert not default_storage.exists(file.file)


def test_an_input_that_only_the_deleted_job_held_has_an_end_again(owner):
    file = upload(owner)
    kept, _other = (finished(owner, image=upload_value(file.pk)) for _ in range(2))
    retention.keep(job_id=kept.pk, team=owner.team, actor=owner.membership)
    delete(owner, kept)
    file.refresh_from_db()
    assert file.expires_at > timezone.now()


def test_an_unfinished_job_is_canceled_first_and_costs_nothing(owner):
    before = ledger.balances(owner.team).user.available
    job = make_job(owner, by="person", webhook="http://localhost:9/hook")
    assert ledger.balances(owner.team).user.available < before
    assert delete(owner, job)
    assert ledger.balances(owner.team).user.available == before
    assert not WebhookDelivery.objects.exists()


def test_a_worker_that_is_late_publishes_nothing(owner):
    job = make_job(owner)
    claimed = claim(job)
    delete(owner, job)
    assert not lifecycle.succeed(claimed, result(job))
    assert Job.objects.get(pk=job.pk).output_file == ""


def test_the_ledger_keeps_what_it_cost_and_adds_up(owner):
    job = finished(owner)
    entries = Entry.objects.filter(job_id=job.pk).count()
    delete(owner, job)
    assert reconciliation.findings() == []
    Job.objects.update(deleted_at=timezone.now() - 2 * deleting.GRACE)
    assert deleting.clear_deleted() == 1
    assert not Job.objects.exists()
    assert Entry.objects.filter(job_id=job.pk).count() == entries
    assert reconciliation.findings() == []


def test_what_was_cut_short_is_finished_by_the_timer(owner):
    job = finished(owner)
    delete(owner, job)
    Job.objects.update(output_bytes=4)  # as if the process had died before it removed the files
    default_storage.save(f"results/{job.pk}/1.mp4", ContentFile(b"film"))
    assert deleting.clear_deleted() == 1
    assert not default_storage.exists(f"results/{job.pk}/1.mp4")
    assert deleting.clear_deleted() == 0
    assert Job.objects.filter(pk=job.pk).exists()


def test_a_test_jobs_sample_stays_for_the_others(owner):
    stored, _found = media.store_sample()
    job = finished(owner)
    Job.objects.update(is_test=True, output_file=stored.name)
    delete(owner, job)
    assert default_storage.exists(stored.name)


def test_a_second_deletion_is_a_quiet_no(owner):
    job = finished(owner)
    assert delete(owner, job)
    assert not delete(owner, job)


def test_deleted_twice_at_once_it_is_deleted_once(owner):
    job, barrier, done = finished(owner), threading.Barrier(4), []

    def at_once():
        barrier.wait()
        try:
            done.append(delete(owner, job))
        finally:
            connection.close()

    threads = [threading.Thread(target=at_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    assert AuditEvent.objects.filter(action="job.delete").count() == 1


def test_another_teams_job_is_not_deleted(owner, stranger):
    job = finished(owner)
    assert not delete(stranger, job)
    assert queries.of_team(owner.team).exists()


def test_a_viewer_may_not_delete(owner):
    viewer = character("viewer@example.com", team=owner.team, role=Role.VIEWER)
    job = finished(owner)
    with pytest.raises(PermissionDenied):
        delete(viewer, job)
