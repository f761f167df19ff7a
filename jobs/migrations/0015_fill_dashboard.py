"""Gives the rows that are there what the dashboard reads: texts to search, the uploads of each job, their ends."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import migrations, models
from django.db.models import ExpressionWrapper, F

from jobs.searching import text_of

PIECE = 500


def fill(apps, schema_editor):
    uploads = apps.get_model("jobs", "Upload").objects
    end = ExpressionWrapper(F("created_at") + timedelta(days=settings.UPLOAD_DAYS), models.DateTimeField())
    uploads.filter(expires_at=None).update(expires_at=end)
    known = dict(uploads.values_list("pk", "team"))
    jobs, uses = apps.get_model("jobs", "Job").objects, apps.get_model("jobs", "JobInput").objects
    piece = []
    for job in jobs.filter(search="").exclude(fingerprint="").only("form_state", "reference", "team").iterator(PIECE):
        job.search = text_of(str(job.pk), job.form_state, job.reference)
        piece.append(job)
        if len(piece) == PIECE:
            _save(jobs, uses, piece, known)
            piece = []
    _save(jobs, uses, piece, known)


def _save(jobs, uses, piece, known):
    jobs.bulk_update(piece, ["search"])
    found = [(job, upload) for job in piece for upload in _uploads(job) if known.get(upload) == job.team_id]
    uses.bulk_create([uses.model(job=job, upload_id=upload) for job, upload in found], ignore_conflicts=True)


def _uploads(job):
    values = [value for value in job.form_state.get("values", {}).values() if isinstance(value, str)]
    return {upload for value in values if value.startswith("upload:") and (upload := _id_in(value))}


def _id_in(value):
    try:
        return uuid.UUID(value.removeprefix("upload:"))
    except ValueError:  # a style may begin with that word, too
        return None


class Migration(migrations.Migration):
    dependencies = [("jobs", "0014_dashboard")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
