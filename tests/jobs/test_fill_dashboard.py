"""What an older site holds is given what the dashboard reads (migration 0015)."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from jobs import deleting
from jobs.form_state import upload_value
from jobs.models import Job, JobInput, Upload
from tests.jobs.making import make_job
from tests.jobs.test_retention import upload

pytestmark = pytest.mark.django_db


def fill() -> None:
    """Twice, as when an upgrade was broken off and is begun again."""
    for _ in range(2):
        import_module("jobs.migrations.0015_fill_dashboard").fill(apps, None)


def test_uploads_have_an_end_by_when_they_came(owner, settings):
    came = timezone.now() - timedelta(days=5)
    file, held = upload(owner), upload(owner)
    Upload.objects.filter(pk=file.pk).update(expires_at=None, created_at=came)
    fill()
    file.refresh_from_db()
    assert file.expires_at == came + timedelta(days=settings.UPLOAD_DAYS)
    assert Upload.objects.get(pk=held.pk).expires_at == held.expires_at


def test_jobs_are_tied_to_their_own_uploads_and_found_by_their_words(owner, stranger):
    own, others = upload(owner), upload(stranger)
    job = make_job(owner, image=upload_value(own.pk), prompt="Calm")
    values = job.form_state["values"] | {"audio": upload_value(others.pk)}
    Job.objects.update(search="", form_state=job.form_state | {"values": values})
    fill()
    assert list(JobInput.objects.values_list("job", "upload")) == [(job.pk, own.pk)]
    assert "calm" in Job.objects.get().search


@pytest.mark.parametrize("style", ["upload:", "upload:my dog's video", "upload:../../etc", "UPLOAD:1"])
def test_a_style_that_looks_like_an_upload_stops_no_upgrade(owner, style):
    make_job(owner, prompt=style)
    Job.objects.update(search="")
    fill()
    assert style.casefold() in Job.objects.get().search
    assert not JobInput.objects.exists()


def test_emptied_jobs_stay_empty(owner):
    make_job(owner)
    Job.objects.update(**deleting.EMPTY)
    fill()
    assert Job.objects.get().search == ""
