import re

from django.urls import reverse

from jobs import lifecycle
from jobs.models import Job
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


def test_title_of_a_stranger_is_escaped(owner):
    make_job(owner, image="http://localhost:9/%3Cscript%3E%7B%7B7*7%7D%7D.png")
    page = owner.client.get(reverse("history")).content.decode()
    assert "<script>{{7*7}}" not in page
    assert "&lt;script&gt;{{7*7}}" in page
