"""What is done with many jobs at once: each kind asks first, acts on the team's own alone, and tells what it did."""

import html
import re

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from accounts import ledger
from accounts.models import Role
from jobs import lifecycle
from jobs.catalog.pricing import MINIMUM_SECONDS
from jobs.models import Job, State
from jobs.views.bulk import MOST
from tests.conftest import character
from tests.jobs.making import claim, make_job, result

ACTIONS = ("zip", "cancel", "delete", "again")
CHANGES = ("cancel", "delete", "again")


def finished(actor, content=b"a video", **how) -> Job:
    job = make_job(actor, **how)
    lifecycle.succeed(claim(job), result(job))
    default_storage.save(f"results/{job.pk}/1.mp4", ContentFile(content))
    return job


def ask(actor, what, *jobs, **more):
    return actor.client.get(reverse(f"selected_{what}"), {"job": [job.pk for job in jobs], **more})


def send(actor, what, *jobs, **more):
    """Confirm what the page asks, with the fields that its form holds."""
    page = ask(actor, what, *jobs).content.decode()
    fields = dict(re.findall(r'name="(total|name)" value="([^"]*)"', page))
    data = {"job": [job.pk for job in jobs], **fields, **more}
    return html.unescape(actor.client.post(reverse(f"selected_{what}"), data, follow=True).content.decode())


@pytest.mark.parametrize("what", CHANGES)
def test_nothing_is_done_before_it_is_confirmed(owner, what):
    job = make_job(owner, by="person")
    page = ask(owner, what, job).content.decode()
    assert "<form" in page
    assert str(job.pk) in page
    assert Job.objects.get().state == State.QUEUED


@pytest.mark.parametrize("what", ACTIONS)
@pytest.mark.parametrize("ids", [[], ["x"], ["00000000-0000-0000-0000-000000000000"]])
def test_nothing_selected_is_said(owner, what, ids):
    answer = owner.client.get(reverse(f"selected_{what}"), {"job": ids}, follow=True)
    assert "select some jobs first" in answer.content.decode()


@pytest.mark.parametrize("what", ACTIONS)
def test_more_than_may_be_chosen_at_once_are_refused(owner, what):
    ids = [f"00000000-0000-0000-0000-{number:012}" for number in range(MOST + 1)]
    answer = owner.client.get(reverse(f"selected_{what}"), {"job": ids}, follow=True)
    assert f"At most {MOST} jobs" in answer.content.decode()


def test_a_job_that_is_named_often_takes_no_other_jobs_place(owner):
    first, last = make_job(owner), make_job(owner)
    send(owner, "cancel", *[first] * (MOST + 1), last)
    assert set(Job.objects.values_list("state", flat=True)) == {State.CANCELED}


@pytest.mark.parametrize("what", ACTIONS)
def test_a_strangers_jobs_are_not_there(owner, stranger, what):
    job = make_job(owner) if what == "cancel" else finished(owner)
    for answer in (
        ask(stranger, what, job),
        stranger.client.post(reverse(f"selected_{what}"), {"job": job.pk, "total": "10", "name": "n"}),
    ):
        assert answer.status_code in (302, 405)
    untouched = Job.objects.get()
    assert (untouched.state, untouched.deleted_at) == (
        job.state if what == "cancel" else State.COMPLETED,
        None,
    )


def test_ids_that_cannot_be_read_take_no_other_jobs_place(owner):
    job = make_job(owner)
    data = {"job": [*(f"x{n}" for n in range(MOST + 10)), job.pk]}
    owner.client.post(reverse("selected_cancel"), data)
    assert Job.objects.get().state == State.CANCELED


def test_a_way_back_with_too_many_fields_leads_to_the_history(owner):
    job = make_job(owner)
    answer = owner.client.post(reverse("selected_cancel"), {"job": job.pk, "back": "a&" * 400})
    assert (answer.status_code, answer["Location"]) == (302, reverse("history"))


@pytest.mark.parametrize("what", CHANGES)
def test_a_viewer_may_change_nothing_and_is_offered_nothing(owner, what):
    viewer = character("viewer@example.com", team=owner.team, role=Role.VIEWER)
    job = finished(owner)
    assert ask(viewer, what, job).status_code == 403
    assert reverse(f"selected_{what}") not in viewer.client.get(reverse("history")).content.decode()
    assert b"".join(ask(viewer, "zip", job).streaming_content)[:2] == b"PK"


def test_canceling_tells_how_many_had_ended(owner):
    ended = finished(owner)
    unfinished = [make_job(owner, by="person") for _ in range(2)]
    page = ask(owner, "cancel", ended, *unfinished).content.decode()
    assert "Cancel 2 jobs?" in page
    assert "1 other of the selected jobs has ended" in page
    assert page.count('<li class="break">') == 2
    told = send(owner, "cancel", ended, *unfinished)
    assert "2 jobs are canceled." in told
    assert "1 had already ended." in told
    assert ledger.balances(owner.team).user.reserved == 0
    assert Job.objects.get(pk=ended.pk).state == State.COMPLETED


def test_canceling_only_what_has_ended_asks_nothing(owner):
    job = finished(owner)
    answer = owner.client.get(reverse("selected_cancel"), {"job": job.pk}, follow=True)
    assert "1 had already ended." in answer.content.decode()


def test_one_leads_back_to_the_filters_and_nowhere_else(owner):
    job = make_job(owner)
    page = ask(owner, "cancel", job, back="status=active&next=https://evil.example&model=x").content.decode()
    assert f'href="{reverse("history")}?status=active"' in page
    answer = owner.client.post(reverse("selected_cancel"), {"job": job.pk, "back": "status=active"})
    assert answer["Location"] == reverse("history") + "?status=active"


def test_deleting_takes_the_jobs_from_the_history(owner):
    jobs = [finished(owner), make_job(owner)]
    page = ask(owner, "delete", *jobs).content.decode()
    assert "Delete 2 jobs?" in page
    assert "1 of them is not finished" in page
    assert "2 jobs are deleted." in send(owner, "delete", *jobs)
    assert not Job.objects.filter(deleted_at=None).exists()
    assert "select some jobs first" in send(owner, "delete", *jobs)


def test_running_again_says_the_sum_and_makes_each_once_more(owner):
    jobs = [finished(owner, by="person", resolution="720p"), finished(owner)]
    page = ask(owner, "again", *jobs).content.decode()
    total = MINIMUM_SECONDS * 4 + MINIMUM_SECONDS * 2
    assert f"at least {total} credits" in page
    assert "came by the API" in page
    before = ledger.balances(owner.team).user.available
    assert "2 jobs are in line again." in send(owner, "again", *jobs)
    again = Job.objects.filter(state=State.QUEUED)
    assert sorted(job.values["resolution"] for job in again) == ["480p", "720p"]
    assert {job.person for job in again} == {owner.user}
    assert ledger.balances(owner.team).user.available == before - total


def test_what_a_test_key_asked_for_is_said_to_be_paid_this_time(owner):
    job = finished(owner)
    assert "a test key" not in ask(owner, "again", job).content.decode()
    Job.objects.update(is_test=True)
    assert "What a test key asked for is made for real" in ask(owner, "again", job).content.decode()


def test_the_same_confirmation_twice_makes_one_job_each(owner):
    job = finished(owner)
    page = ask(owner, "again", job).content.decode()
    fields = dict(re.findall(r'name="(total|name)" value="([^"]*)"', page))
    for _time in range(2):
        owner.client.post(reverse("selected_again"), {"job": job.pk, **fields})
    assert Job.objects.filter(state=State.QUEUED).count() == 1


@pytest.mark.parametrize("total", ["", "1", "x", "²"])
def test_a_sum_that_is_not_todays_is_asked_about_again(owner, total):
    job = finished(owner)
    answer = owner.client.post(reverse("selected_again"), {"job": job.pk, "total": total, "name": "n"})
    assert "The price has changed" in answer.content.decode()
    assert Job.objects.count() == 1


def test_what_cannot_be_made_again_says_why_and_the_others_are_made(owner):
    gone, sound = finished(owner), finished(owner)
    state = gone.form_state | {
        "values": {**gone.values, "image": "upload:00000000-0000-0000-0000-000000000001"},
        "label": "gone",
    }
    Job.objects.filter(pk=gone.pk).update(form_state=state)
    assert "1 cannot be made again" in ask(owner, "again", gone, sound).content.decode()
    told = send(owner, "again", gone, sound)
    assert "1 job is in line again." in told
    assert "gone: " in told


def test_too_few_credits_are_said_before_and_after(owner):
    jobs = [finished(owner) for _ in range(2)]
    available = ledger.balances(owner.team).user.available
    ledger.adjust(
        team=owner.team, kind="user", change_by=15 - available, reference="operator:test", note="a test"
    )
    assert "5 credits are missing" in ask(owner, "again", *jobs).content.decode()
    told = send(owner, "again", *jobs)
    assert "1 job is in line again." in told
    assert Job.objects.filter(state=State.QUEUED).count() == 1
    assert told.count('notice--warn">') == 1


def test_zip_of_nothing_finished_says_so(owner):
    job = make_job(owner)
    answer = owner.client.get(reverse("selected_zip"), {"job": job.pk}, follow=True)
    assert "None of the selected jobs has a video" in answer.content.decode()
