"""The team's days, and what is done with one job, by the pages."""

import pytest
from django.urls import reverse

from accounts.models import Role
from jobs import retention
from jobs.models import Job
from jobs.retention import Days
from tests.conftest import character
from tests.jobs.test_retention import finished

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/retention"


def test_the_days_are_shown_and_saved(owner):
    assert 'value="30"' in owner.client.get(PAGE).content.decode()
    answer = owner.client.post(PAGE, {"results": "7", "inputs": "3"})
    assert answer.status_code == 302
    assert retention.of(owner.team) == Days(7, 3)


@pytest.mark.parametrize("text", ["", "0", "31", "-1", "1e9", "NaN", "seven"])
def test_wrong_days_are_refused_beside_their_field(owner, text):
    answer = owner.client.post(PAGE, {"results": text, "inputs": "3"})
    assert answer.status_code == 422
    assert "field__error" in answer.content.decode()
    assert retention.of(owner.team) == retention.site()


def test_a_viewer_reads_the_days_and_changes_none(owner):
    viewer = character("viewer@example.com", team=owner.team, role=Role.VIEWER)
    page = viewer.client.get(PAGE).content.decode()
    assert "30 days" in page
    assert 'name="results"' not in page
    assert viewer.client.post(PAGE, {"results": "7", "inputs": "3"}).status_code == 403


def test_a_job_is_kept_and_let_go_by_its_page(owner):
    job = finished(owner)
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert reverse("job_keep", args=[job.pk]) in page
    owner.client.post(reverse("job_keep", args=[job.pk]))
    assert Job.objects.get().keep
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert "Kept until somebody lets it go" in page
    owner.client.post(reverse("job_let_go", args=[job.pk]))
    assert not Job.objects.get().keep


def test_a_job_that_failed_cannot_be_kept(owner):
    job = finished(owner)
    Job.objects.update(state="failed", output_file="")
    answer = owner.client.post(reverse("job_keep", args=[job.pk]), follow=True)
    assert "Only a finished video" in answer.content.decode()


def test_a_job_is_deleted_after_a_question(owner):
    job = finished(owner)
    asked = owner.client.get(reverse("job_delete", args=[job.pk])).content.decode()
    assert "for good" in asked
    assert Job.objects.get().deleted_at is None
    answer = owner.client.post(reverse("job_delete", args=[job.pk]), follow=True)
    assert "are deleted" in answer.content.decode()
    assert Job.objects.get().deleted_at


def test_a_full_shelf_is_told(owner, settings):
    settings.KEPT_MAX_PER_TEAM = 1
    first, second = finished(owner), finished(owner)
    owner.client.post(reverse("job_keep", args=[first.pk]))
    answer = owner.client.post(reverse("job_keep", args=[second.pk]), follow=True)
    assert "may keep no more" in answer.content.decode()


def test_the_teams_page_leads_to_its_days(owner):
    assert f'href="{PAGE}"' in owner.client.get("/team").content.decode().partition("<main")[2]
