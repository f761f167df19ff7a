from django.urls import reverse

from accounts import ledger
from jobs import lifecycle
from jobs.models import Job, State
from tests.jobs.making import claim, make_job, result


def test_job_card_changes_with_the_version_and_stops(owner):
    job = make_job(owner)
    url = reverse("job_card", args=[job.pk])
    assert "every 2s" in owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert owner.client.get(url, {"v": job.version}).status_code == 204
    lifecycle.succeed(claim(job), result(job))
    card = owner.client.get(url, {"v": job.version}).content.decode()
    assert "<video" in card
    assert "every 2s" not in card


def test_video_is_shown_under_the_pages_own_address(owner):
    """A page opened as 127.0.0.1 must not reach for localhost: its content policy would refuse."""
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    card = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert f'src="/files/{job.pk}/token.mp4"' in card


def test_failure_says_what_it_cost(owner):
    job = make_job(owner)
    lifecycle.fail(job.pk, code="no_face", sentence="image: No face was found.")
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert "Picture: No face was found." in page
    assert "It cost nothing" in page
    assert "no_face" in page


def test_failure_is_told_in_the_readers_language(owner):
    job = make_job(owner)
    lifecycle.fail(job.pk, code="no_face", sentence="image: No face was found.")
    page = owner.client.get(reverse("job", args=[job.pk]), headers={"accept-language": "ru"}).content.decode()
    assert "Лицо не найдено" in page
    assert "No face was found" not in page


def test_webhooks_attempts_are_shown(owner):
    job = make_job(owner, webhook="http://localhost:9/hook")
    lifecycle.cancel(job.pk)
    delivery = job.deliveries.get()
    delivery.log.create(number=1, duration_ms=1500, status=503)
    delivery.log.create(number=2, duration_ms=10, error="The <b>connection</b> was refused.")
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert "http://localhost:9/hook" in page
    assert "Answered 503" in page
    assert "1.5 s" in page
    assert "The &lt;b&gt;connection&lt;/b&gt; was refused." in page


def test_cancel_asks_then_gives_the_credits_back(owner):
    job = make_job(owner, by="person")
    url = reverse("cancel", args=[job.pk])
    assert "Cancel this job?" in owner.client.get(url).content.decode()
    assert Job.objects.get(pk=job.pk).state == State.QUEUED
    answer = owner.client.post(url, follow=True)
    assert "The job is canceled" in answer.content.decode()
    assert ledger.balances(owner.team).user.reserved == 0


def test_canceling_an_ended_job_changes_nothing(owner):
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    answer = owner.client.post(reverse("cancel", args=[job.pk]), follow=True)
    assert "had already ended" in answer.content.decode()
    assert Job.objects.get(pk=job.pk).state == State.COMPLETED


def test_title_of_a_stranger_is_escaped(owner):
    job = make_job(owner, image="http://localhost:9/%3Cscript%3E%7B%7B7*7%7D%7D.png")
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert "<script>{{7*7}}" not in page
    assert "&lt;script&gt;{{7*7}}" in page
