"""F23: a team or an account is deleted while one of its videos is being rendered."""

import pytest
import requests

from accounts import leaving
from accounts.audit import OPERATOR
from accounts.models import Entry, Purse, Team
from jobs import deleting, execute, lifecycle, media
from jobs import leaving as jobs_leaving
from jobs.execute import Made
from jobs.management.commands.demo import hidden_fields
from jobs.models import Job, State, WebhookDelivery
from jobs.webhooks import deliver
from tests.jobs.making import claim, make_job
from tests.live import until

HOOK = "/hook"


@pytest.fixture
def rendering(owner, httpserver, settings):
    """A job with a webhook in the hands of a worker that renders it."""
    settings.OUTBOUND_ALLOW_LOOPBACK = True
    httpserver.expect_request(HOOK).respond_with_data("ok")
    job = make_job(owner, webhook=httpserver.url_for(HOOK))
    assert lifecycle.ready(claim(job), fetched={})
    job.refresh_from_db()
    return job, claim(job)


def everything_stored(settings) -> list[str]:
    return [path.name for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def check_nothing_is_left(owner, job, httpserver, settings):
    assert everything_stored(settings) == []
    assert deliver.deliver_due() == 0
    assert not WebhookDelivery.objects.exists()
    assert httpserver.log == []
    assert list(Purse.objects.filter(team=owner.team).values_list("reserved", flat=True)) == [0, 0]
    kinds = list(Entry.objects.filter(job_id=job.pk).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["reserve", "give_back"]


def finish_late(taken, tmp_path) -> None:
    film = tmp_path / "late.mp4"
    film.write_bytes(b"film")
    execute.publish(taken, film, Made(seconds=5.0, width=480, height=480))


@pytest.mark.parametrize("what", ["team", "account"])
@pytest.mark.django_db(transaction=True)
def test_a_late_finish_writes_nothing_and_removes_its_file(
    owner, rendering, httpserver, settings, tmp_path, what
):
    job, taken = rendering
    if what == "team":
        leaving.delete_team(actor=owner.membership, who=OPERATOR)
    else:
        leaving.delete_account(user=owner.user, who=OPERATOR)
    assert not lifecycle.heartbeat(taken)
    finish_late(taken, tmp_path)
    assert Job.objects.get(pk=job.pk).state == State.CANCELED
    check_nothing_is_left(owner, job, httpserver, settings)


@pytest.mark.django_db(transaction=True)
def test_the_file_of_a_worker_that_died_before_it_was_told_goes_with_the_jobs_row(
    owner, rendering, httpserver, settings, tmp_path
):
    """Killed between storing its result and being fenced out: nobody is left to remove the file."""
    job, taken = rendering
    leaving.delete_team(actor=owner.membership, who=OPERATOR)
    film = tmp_path / "late.mp4"
    film.write_bytes(b"film")
    media.store_result(job.pk, taken.attempt, film)
    jobs_leaving.clear_closed()
    assert everything_stored(settings) != []
    Job.objects.update(finished_at=Job.objects.get().finished_at - 2 * deleting.GRACE)
    jobs_leaving.clear_closed()
    assert not Job.objects.exists()
    check_nothing_is_left(owner, job, httpserver, settings)


@pytest.mark.django_db(transaction=True)
def test_a_finish_that_came_first_is_charged_and_then_cleared(
    owner, rendering, httpserver, settings, tmp_path
):
    job, taken = rendering
    finish_late(taken, tmp_path)
    assert WebhookDelivery.objects.count() == 1
    leaving.delete_team(actor=owner.membership, who=OPERATOR)
    assert everything_stored(settings) == []
    assert deliver.deliver_due() == 0
    assert httpserver.log == []
    kinds = list(Entry.objects.filter(job_id=job.pk).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["reserve", "charge"]


@pytest.mark.django_db(transaction=True)
def test_what_a_crash_left_undone_is_done_by_the_timer(owner, rendering, httpserver, settings, tmp_path):
    """The site died right after the commit: nothing of what follows it was done."""
    job, taken = rendering
    Team.objects.filter(pk=owner.team.pk).update(deleted_at=job.created_at, name="")
    finish_late(taken, tmp_path)  # the worker was faster than the timer
    assert not WebhookDelivery.objects.exists()
    assert jobs_leaving.clear_closed() == 1
    assert everything_stored(settings) == []
    assert jobs_leaving.clear_closed() == 0


# --- with real processes --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_real_render_leaves_nothing_behind(site, long_speech, httpserver):
    httpserver.expect_request(HOOK).respond_with_data("ok")
    client = site.client()
    browser = signed_in(site, "client@example.com")
    job_id = client.submit(audio=long_speech, resolution="720p", webhook=httpserver.url_for(HOOK))
    until(lambda: client.job(job_id)["progress"] >= 20, seconds=90, every=0.05)
    delete_in_the_browser(site, browser)
    results, work = site.data_dir / "media/results" / job_id, site.data_dir / "work"
    until(lambda: not list(work.iterdir()), seconds=60)  # the worker has noticed, and given up
    assert site.sql("SELECT state, form_state FROM jobs_job") == [("canceled", "{}")]
    assert not (results.exists() and list(results.iterdir()))
    assert site.sql("SELECT sum(reserved) FROM accounts_purse") == [(0,)]
    assert site.sql("SELECT count(*) FROM jobs_webhookdelivery") == [(0,)]
    assert [call.path for call, _answer in httpserver.log if call.path == HOOK] == []
    assert client.session.get(f"{site.url}/api/v1/jobs/{job_id}", timeout=30).status_code == 401
    assert "Every balance" in site.manage("reconcile")
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    assert site.sql(triggers) == [("audit_no_delete",), ("audit_no_replace",), ("audit_no_update",)]


def signed_in(site, email: str) -> requests.Session:
    """A browser of this person, who has just given the password once more: what follows is one form."""
    site.manage(
        "shell",
        "-c",
        f"from accounts.models import User; u = User.objects.get(email='{email}'); "
        "u.set_password('correct horse battery'); u.save()",
    )
    browser = requests.Session()
    post(site, browser, "/accounts/login/", login=email, password="correct horse battery")
    post(site, browser, "/team/delete", password="correct horse battery")
    return browser


def delete_in_the_browser(site, browser: requests.Session) -> None:
    """Through the page: type the team's name."""
    theirs = "FROM accounts_team WHERE id = (SELECT team_id FROM jobs_job)"
    [(name,)] = site.sql(f"SELECT name {theirs}")
    answer = post(site, browser, "/team/delete", typed=name)
    assert answer.status_code == 200, answer.text
    assert site.sql(f"SELECT name, deleted_at IS NULL {theirs}") == [("", 0)]


def post(site, browser: requests.Session, path: str, **values: str) -> requests.Response:
    """Open a page and send its form."""
    page = browser.get(f"{site.url}{path}", timeout=30)
    sent = {**hidden_fields(page.text), **values}
    return browser.post(page.url, data=sent, headers={"Referer": page.url}, timeout=30)
