"""How long results and inputs stay, and what is kept."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, Role
from jobs import lifecycle, media, retention
from jobs.form_state import upload_value
from jobs.models import Job, Upload
from jobs.retention import Days
from jobs.wire import job_document
from tests.conftest import character
from tests.jobs.making import claim, make_job, result

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def upload(actor, *, kind="image", ends=DAY) -> Upload:
    name = default_storage.save(f"uploads/{actor.team.pk}/file", ContentFile(b"bytes"))
    return Upload.objects.create(
        team=actor.team,
        kind=kind,
        name="file",
        file=name,
        format="png" if kind == "image" else "wav",
        bytes=5,
        seconds=None if kind == "image" else 6.0,
        expires_at=timezone.now() + ends,
    )


def finished(actor, **values) -> Job:
    """A completed job with a stored video and a picture beside it."""
    job = make_job(actor, by="person", **values)
    done = result(job)
    default_storage.save(done.file, ContentFile(b"film"))
    default_storage.save(f"results/{job.pk}/1.jpg", ContentFile(b"poster"))
    assert lifecycle.succeed(claim(job), done)
    return Job.objects.get(pk=job.pk)


def set_days(actor, results=30, inputs=30, *, also_here=False):
    days = Days(results, inputs)
    retention.choose(
        team=actor.team, actor=actor.membership, days=days, also_here=also_here, who=audit.Who(actor.user)
    )


def days_left(moment) -> int:
    return round((moment - timezone.now()) / DAY)


def test_a_result_ends_after_the_sites_days_or_the_teams_own(owner, stranger, settings):
    settings.RESULT_DAYS = 20
    set_days(owner, results=3)
    assert days_left(finished(owner).expires_at) == 3
    assert days_left(finished(stranger).expires_at) == 20


def test_a_site_that_shortens_its_days_shortens_the_teams(owner, settings):
    set_days(owner, results=9)
    settings.RESULT_DAYS = 4
    assert retention.of(owner.team).results == 4


@pytest.mark.parametrize("days", [(0, 5), (5, 0), (31, 5), (5, 31), (-1, 5)])
def test_days_beyond_the_sites_are_refused(owner, days):
    with pytest.raises(retention.WrongDays):
        set_days(owner, *days)
    assert retention.of(owner.team) == retention.site()


def test_who_may_not_manage_may_not_choose(owner):
    member = character("member@example.com", team=owner.team, role=Role.MEMBER)
    with pytest.raises(PermissionDenied):
        set_days(member, 3, 3)


def test_a_choice_stands_in_the_audit_log(owner):
    set_days(owner, 3, 4)
    line = AuditEvent.objects.get(team=owner.team, action="team.retention")
    assert line.details["result_days"] == {"before": 30, "after": 3}


def test_what_is_here_follows_only_when_that_is_asked_for(owner):
    job, file = finished(owner), upload(owner, ends=20 * DAY)
    set_days(owner, 5, 6)
    job.refresh_from_db()
    assert days_left(job.expires_at) == 30
    set_days(owner, 5, 6, also_here=True)
    job.refresh_from_db()
    file.refresh_from_db()
    assert (days_left(job.expires_at), days_left(file.expires_at)) == (5, 6)


def test_what_is_over_stays_over(owner):
    job, file = finished(owner), upload(owner, ends=-DAY)
    Job.objects.update(expires_at=timezone.now() - DAY)
    set_days(owner, 30, 30, also_here=True)
    job.refresh_from_db()
    file.refresh_from_db()
    assert days_left(job.expires_at) == -1
    assert days_left(file.expires_at) == -1
    assert not retention.keep(job_id=job.pk, team=owner.team, actor=owner.membership)


def test_expiry_removes_the_result_with_all_that_was_made_of_it(owner):
    job = finished(owner)
    Job.objects.update(expires_at=timezone.now() - DAY)
    assert media.expire() == 1
    job.refresh_from_db()
    assert (job.output_file, job.poster_file, job.state) == ("", "", "completed")
    assert not default_storage.exists(f"results/{job.pk}")


class Stuck(FileSystemStorage):
    """Some file in it can be removed by nobody."""

    def delete(self, name):
        if "stuck" in name:
            raise PermissionError(name)
        super().delete(name)


def test_a_file_that_cannot_be_removed_holds_up_no_other(owner, settings, caplog):
    bad, good = finished(owner), finished(owner)
    stuck, free = upload(owner, ends=-DAY), upload(owner, ends=-DAY)
    Upload.objects.filter(pk=stuck.pk).update(file="stuck")
    Job.objects.filter(pk=bad.pk).update(output_file="stuck.mp4")
    Job.objects.update(expires_at=timezone.now() - DAY)
    options = settings.STORAGES["default"]["OPTIONS"]
    storage = {"BACKEND": f"{__name__}.Stuck", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    assert media.expire() == 1
    assert caplog.text.count("could not be removed yet") == 2
    assert Job.objects.get(pk=good.pk).output_file == ""
    assert Job.objects.get(pk=bad.pk).output_file == "stuck.mp4"
    assert list(Upload.objects.values_list("pk", flat=True)) == [stuck.pk]
    assert not default_storage.exists(free.file)


def test_use_lets_an_input_stay_longer(owner):
    file = upload(owner, ends=DAY)
    finished(owner, image=upload_value(file.pk))
    file.refresh_from_db()
    assert days_left(file.expires_at) == 30


def test_an_input_that_a_queued_job_needs_outlives_its_end(owner):
    file = upload(owner)
    job = make_job(owner, image=upload_value(file.pk))
    Job.objects.update(created_at=timezone.now() - 2 * DAY)
    Upload.objects.update(expires_at=timezone.now() - DAY)
    media.expire()
    assert default_storage.exists(file.file)
    lifecycle.cancel(job.pk)
    media.expire()
    assert not default_storage.exists(file.file)
    assert not Upload.objects.exists()


def test_a_kept_job_holds_its_video_and_its_inputs(owner):
    file = upload(owner)
    job = finished(owner, image=upload_value(file.pk))
    assert retention.keep(job_id=job.pk, team=owner.team, actor=owner.membership)
    assert not retention.keep(job_id=job.pk, team=owner.team, actor=owner.membership)
    job.refresh_from_db()
    file.refresh_from_db()
    assert (job.keep, job.expires_at, file.expires_at) == (True, None, None)
    assert job_document(job)["expiresAt"] is None
    set_days(owner, 1, 1, also_here=True)
    media.expire()
    assert default_storage.exists(job.output_file)
    assert default_storage.exists(file.file)


def test_what_is_let_go_has_a_day_at_least(owner):
    job = finished(owner)
    retention.keep(job_id=job.pk, team=owner.team, actor=owner.membership)
    Job.objects.update(finished_at=timezone.now() - 100 * DAY)
    assert retention.let_go(job_id=job.pk, team=owner.team, actor=owner.membership)
    job.refresh_from_db()
    assert not job.keep
    assert days_left(job.expires_at) == 1
    assert not retention.let_go(job_id=job.pk, team=owner.team, actor=owner.membership)


def test_an_input_stays_while_another_kept_job_holds_it(owner):
    file = upload(owner)
    first, second = (finished(owner, image=upload_value(file.pk)) for _ in range(2))
    for job in (first, second):
        retention.keep(job_id=job.pk, team=owner.team, actor=owner.membership)
    retention.let_go(job_id=first.pk, team=owner.team, actor=owner.membership)
    file.refresh_from_db()
    assert file.expires_at is None
    retention.let_go(job_id=second.pk, team=owner.team, actor=owner.membership)
    file.refresh_from_db()
    assert days_left(file.expires_at) == 30


def test_a_team_keeps_no_more_than_it_may(owner, settings):
    settings.KEPT_MAX_PER_TEAM = 1
    first, second = finished(owner), finished(owner)
    assert retention.keep(job_id=first.pk, team=owner.team, actor=owner.membership)
    with pytest.raises(retention.TooManyKept) as refused:
        retention.keep(job_id=second.pk, team=owner.team, actor=owner.membership)
    assert "Let one go first" in refused.value.sentence
    second.refresh_from_db()
    assert not second.keep


def test_another_teams_job_is_not_kept_or_let_go(owner, stranger):
    job = finished(owner)
    assert not retention.keep(job_id=job.pk, team=stranger.team, actor=stranger.membership)
    retention.keep(job_id=job.pk, team=owner.team, actor=owner.membership)
    assert not retention.let_go(job_id=job.pk, team=stranger.team, actor=stranger.membership)
