"""Two real sites on one machine: A has B as its provider, and B has the engine."""

import signal
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from werkzeug import Response

from jobs.management.commands.demo import Person, hidden_fields
from tests.faults.conftest import SHORT_LEASES
from tests.jobs.remotely import Upstream, answer
from tests.live import ApiClient, LiveSite, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONNECT = """
from accounts import audit
from jobs import connections
from jobs.models import Connection
connections.save(
    Connection(name="farm", base_url={url!r}, callback_base={callback!r}), key={key!r}, secrets={secrets!r},
    actor=None, who=audit.UNRECORDED,
)
"""
SECRET = """
from accounts.models import Team
from accounts.teams import webhook_secret
print(webhook_secret(Team.objects.get(first_of__email="site-a@example.com")))
"""


@pytest.fixture
def farm(tmp_path):
    """Site B."""
    with LiveSite(tmp_path / "b", **SHORT_LEASES) as site:
        yield site


@pytest.fixture
def front(tmp_path):
    """Site A, whose own engine is switched off."""
    with LiveSite(tmp_path / "a", EMBEDDED_ENGINE="off", **SHORT_LEASES) as site:
        yield site


def connect(front: LiveSite, url: str, *, key: str, secrets: list[str], callback: str = "") -> None:
    callback = callback or front.url
    front.manage("shell", "-c", CONNECT.format(url=url, callback=callback, key=key, secrets=secrets))


def chain(front: LiveSite, farm: LiveSite, *, callback: str = "") -> None:
    key = farm.issue_key("site-a@example.com")
    secret = farm.manage("shell", "-c", SECRET).splitlines()[-1]
    connect(front, farm.url, key=key, secrets=[secret], callback=callback)


def check_once(site: LiveSite) -> None:
    """One job, completed, charged once, and the credits add up."""
    assert site.sql("SELECT state FROM jobs_job") == [("completed",)]
    assert site.sql("SELECT count(*) FROM accounts_entry WHERE kind = 'charge'") == [(1,)]
    assert "Every balance" in site.manage("reconcile")


def is_video(url: str) -> bool:
    return requests.get(url, timeout=30).content[4:8] == b"ftyp"


def test_a_job_by_the_api_completes_by_webhook(front, farm):
    chain(front, farm)
    client = front.client()
    document = client.wait(client.submit())
    assert document["status"] == "completed", document
    assert document["output"].startswith(front.url)
    assert is_video(document["output"])
    assert document["timings"]
    assert front.sql("SELECT verified FROM jobs_inboundwebhook") in ([(1,)], [(True,)])
    check_once(front)
    check_once(farm)


def test_a_submission_in_the_browser_sends_its_upload_and_completes(front, farm):
    chain(front, farm)
    person = Person(front.url)
    person.sign_up()
    portrait = requests.get(f"{front.url}/samples/portrait.png", timeout=30).content
    page = person.session.get(f"{front.url}/generate/lipsync-image", timeout=30)
    sent = person.session.post(
        f"{front.url}/uploads",
        data={**hidden_fields(page.text), "kind": "image"},
        files={"file": ("me.png", portrait)},
        headers={"Referer": page.url},
        timeout=60,
    )
    person._post(
        "/generate/lipsync-image",
        image=sent.json()["value"],
        audio=f"{front.url}/samples/speech.wav",
        resolution="480p",
    )
    until(lambda: front.sql("SELECT state FROM jobs_job") == [("completed",)], seconds=90)
    assert "/inputs/" in farm.sql("SELECT form_state FROM jobs_job")[0][0]
    assert front.sql("SELECT purse FROM jobs_job") == [("user",)]
    assert front.sql("SELECT verified FROM jobs_inboundwebhook") in ([(1,)], [(True,)])
    check_once(front)


def test_with_the_webhook_blocked_it_completes_by_polling(front, farm, unused_port):
    chain(front, farm, callback=f"http://localhost:{unused_port}")
    client = front.client()
    document = client.wait(client.submit())
    assert document["status"] == "completed", document
    assert front.sql("SELECT count(*) FROM jobs_inboundwebhook") == [(0,)]
    check_once(front)
    check_once(farm)


def test_with_the_farm_killed_in_the_middle_nothing_is_lost_or_charged_twice(front, farm, long_speech):
    chain(front, farm)
    client = front.client()
    job_id = client.submit(audio=long_speech, resolution="720p")
    theirs = ApiClient(farm.url, farm.issue_key("site-a@example.com"))
    external_id = until(lambda: front.sql("SELECT external_id FROM jobs_job")[0][0], seconds=60)
    until(lambda: theirs.job(external_id)["progress"] >= 10, seconds=60)
    farm.process.send_signal(signal.SIGKILL)
    farm.process.wait()
    front.kill("celery", "worker", "light")
    until(lambda: not farm.pids("celery"), seconds=20)
    with farm:
        document = client.wait(job_id, seconds=150)
        assert document["status"] == "completed", document
        assert is_video(document["output"])
        check_once(front)
        check_once(farm)


def test_a_stub_that_misbehaves_is_asked_a_bounded_number_of_times(tmp_path, httpserver):
    """F17, against a whole site: trouble at every step, and one job, one charge."""
    upstream = Upstream(httpserver)
    quick = {"PROVIDER_RETRY_SECONDS": "0.2", "PROVIDER_TIMEOUT_SECONDS": "2", "EMBEDDED_ENGINE": "off"}
    with LiveSite(tmp_path / "a", **quick, **SHORT_LEASES) as front:
        connect(front, httpserver.url_for("").rstrip("/"), key="sk_theirs_secret", secrets=[])
        upstream.questions.clear()
        submits, questions = list(TROUBLE.values()), list(TROUBLE.values())
        upstream.on_submit = lambda request: submits.pop(0)() if submits else None
        upstream.on_ask = lambda request: questions.pop(0)() if questions else None
        client = front.client()
        job_id = client.submit()
        until(lambda: upstream.documents, seconds=90)
        upstream.complete()
        document = client.wait(job_id, seconds=150)
        assert (document["status"], document["executionTime"]) == ("completed", 4321)
        assert len(upstream.sent) == len(TROUBLE) + 1
        assert len(set(upstream.keys)) == 1
        assert len(TROUBLE) < len(upstream.questions) <= len(TROUBLE) + 3
        check_once(front)


def too_late() -> None:
    """No answer within the time that the site waits; what was sent is accepted all the same, or not."""
    time.sleep(2.5)


def in_a_second() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)


TROUBLE = {
    "500": lambda: answer({"error": "Oops"}, 500),
    "503 as HTML": lambda: Response("<h1>Down</h1>", status=503, content_type="text/html"),
    "429, seconds": lambda: answer({"error": "Busy"}, 429, **{"Retry-After": "1"}),
    "429, a date": lambda: answer({"error": "Busy"}, 429, **{"Retry-After": in_a_second()}),
    "truncated": lambda: Response('{"id": "abc', content_type="application/json"),
    "HTML": lambda: Response("<h1>Welcome</h1>", content_type="text/html"),
    "no answer in time": lambda: too_late() or answer({"error": "too late"}, 500),
}
