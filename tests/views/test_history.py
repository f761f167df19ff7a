import re

from django.urls import reverse

from accounts import ledger
from jobs import lifecycle
from jobs.models import Job, State
from tests.jobs.making import claim, make_job, result

ROWS = re.compile(r'hx-get="([^"]*/jobs/rows[^"]*)"')


def poll_address(page: str) -> str:
    return ROWS.search(page).group(1)


def test_empty_history_invites(owner):
    page = owner.client.get(reverse("history")).content.decode()
    assert "No videos yet" in page
    assert "every 2s" not in page


def test_history_asks_while_something_is_unfinished_and_then_stops(owner):
    job = make_job(owner)
    page = owner.client.get(reverse("history")).content.decode()
    assert "every 2s" in page
    lifecycle.succeed(claim(job), result(job))
    rows = owner.client.get(poll_address(page)).content.decode()
    assert 'data-state="completed"' in rows
    assert "every 2s" not in rows


def test_unchanged_history_is_204(owner):
    make_job(owner)
    page = owner.client.get(reverse("history")).content.decode()
    answer = owner.client.get(poll_address(page))
    assert answer.status_code == 204
    assert answer.content == b""


def test_only_changed_rows_are_sent(owner):
    quiet, busy = make_job(owner), make_job(owner)
    page = owner.client.get(reverse("history")).content.decode()
    lifecycle.cancel(busy.pk)
    rows = owner.client.get(poll_address(page)).content.decode()
    assert f'id="job-{busy.pk}"' in rows
    assert f'id="job-{quiet.pk}"' not in rows
    assert owner.client.get(poll_address(rows)).status_code == 204


def test_job_that_came_by_the_api_appears_on_an_open_page(owner):
    page = owner.client.get(reverse("history")).content.decode()
    job = make_job(owner)
    rows = owner.client.get(poll_address(page)).content.decode()
    assert f'id="job-{job.pk}"' in rows
    assert 'hx-swap-oob="afterbegin"' in rows
    assert 'id="empty" hx-swap-oob="delete"' in rows


def test_change_that_was_stamped_early_and_committed_late_is_seen(owner):
    early, late = make_job(owner), make_job(owner)
    page = owner.client.get(reverse("history")).content.decode()
    lifecycle.cancel(late.pk)
    page = owner.client.get(poll_address(page)).content.decode()
    lifecycle.cancel(early.pk)
    Job.objects.filter(pk=early.pk).update(changed_at=early.created_at)
    assert f'id="job-{early.pk}"' in owner.client.get(poll_address(page)).content.decode()


def test_nonsense_version_gets_the_rows(owner):
    make_job(owner)
    for version in ("", "x", "a.b,c", "..,", "١.٢", "a." + "9" * 500):
        assert owner.client.get(reverse("history_rows"), {"v": version}).status_code == 200


def test_pages_go_on_where_the_last_ended(owner):
    jobs = [make_job(owner) for _ in range(23)]
    first = owner.client.get(reverse("history")).content.decode()
    older = re.search(r'href="(\?before=[^"]+)"', first).group(1)
    second = owner.client.get(reverse("history") + older).content.decode()
    shown = re.findall(r'id="job-([0-9a-f-]+)"', first) + re.findall(r'id="job-([0-9a-f-]+)"', second)
    assert shown == [str(job.pk) for job in reversed(jobs)]
    assert "hx-get" not in second


def test_nonsense_before_shows_the_newest(owner):
    job = make_job(owner)
    for before in ("yesterday", "2026-13-45T99:99:99Z", "2026-01-01"):
        assert str(job.pk) in owner.client.get(reverse("history"), {"before": before}).content.decode()


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
    for url in (reverse("history"), reverse("job", args=[job.pk])):
        page = owner.client.get(url).content.decode()
        assert "<script>{{7*7}}" not in page
        assert "&lt;script&gt;{{7*7}}" in page
