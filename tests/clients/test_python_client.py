"""docs/examples/lipsyncweb_client.py: the file that people copy."""

import importlib.util
import json
import time
from datetime import UTC, datetime

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.teams import new_webhook_secret
from jobs.engine.probe import probe
from jobs.views import examples
from jobs.webhooks import signing
from lipsyncweb.livesite import ROOT


@pytest.fixture(scope="module")
def module():
    path = ROOT / "docs/examples/lipsyncweb_client.py"
    spec = importlib.util.spec_from_file_location("lipsyncweb_client", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def quick(module, monkeypatch):
    """Waits of the client's, noted and not waited for."""
    waits = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    return waits


# --- the request ----------------------------------------------------------------------------------


def answers(server: HTTPServer, *responses: Response) -> list[Request]:
    """The server gives these answers in turn; returns what it was asked."""
    asked, left = [], list(responses)

    def handle(request: Request) -> Response:
        request.get_data()
        asked.append(request)
        return left.pop(0)

    server.expect_request("/api/v1/lipsync-image").respond_with_handler(handle)
    return asked


def refusal(status: int, code: str, **headers: str) -> Response:
    return Response(json.dumps({"error": "No.", "code": code, "fields": []}), status, headers)


def good() -> Response:
    return Response('{"id": "1", "status": "processing"}')


def test_a_busy_site_is_asked_again_with_the_same_name(module, quick, httpserver):
    asked = answers(
        httpserver, refusal(503, "busy", **{"Retry-After": "7"}), refusal(429, "rate_limited"), good()
    )
    client = module.Client(httpserver.url_for(""), "sk_a_b")
    assert client.submit("lipsync-image", image="a", reference="r")["id"] == "1"
    assert quick == [7.0, 2.0]
    assert len({each.headers["Idempotency-Key"] for each in asked}) == 1
    assert json.loads(asked[-1].data) == {"formState": {"image": "a"}, "reference": "r"}
    assert asked[-1].headers["Authorization"] == "Bearer sk_a_b"


@pytest.mark.parametrize(
    ("status", "code"), [(422, "invalid"), (402, "not_enough_credits"), (409, "job_ended")]
)
def test_a_refusal_is_raised_at_once_with_its_code(module, quick, httpserver, status, code):
    answers(httpserver, refusal(status, code))
    with pytest.raises(module.ApiError, match=r"No\.") as caught:
        module.Client(httpserver.url_for(""), "k").submit("lipsync-image")
    assert (caught.value.status, caught.value.code, quick) == (status, code, [])


@pytest.mark.parametrize("body", ["<html>", "[]"])
def test_an_answer_that_is_no_document_is_an_error_after_some_tries(module, quick, httpserver, body):
    answers(httpserver, *[Response(body, 502) for _try in range(4)])
    with pytest.raises(module.ApiError, match="502"):
        module.Client(httpserver.url_for(""), "k").submit("lipsync-image")
    assert quick == [1.0, 2.0, 4.0]


def test_nobody_there_is_an_error_after_some_tries(module, quick, unused_port):
    with pytest.raises(requests.ConnectionError):
        module.Client(f"http://127.0.0.1:{unused_port}", "k").balance()
    assert len(quick) == 3


def test_a_redirect_does_not_get_the_key(module, httpserver):
    httpserver.expect_request("/api/v1/balance").respond_with_data(
        "", 302, {"Location": httpserver.url_for("/elsewhere")}
    )
    with pytest.raises(module.ApiError, match="302"):
        module.Client(httpserver.url_for(""), "k").balance()


def test_a_video_is_kept_whole_or_not_at_all(module, httpserver, tmp_path):
    def cut(request: Request) -> Response:
        return Response(iter([b"12"]), headers={"Content-Length": "10"})

    httpserver.expect_request("/v.mp4").respond_with_data("12")
    httpserver.expect_request("/cut.mp4").respond_with_handler(cut)
    client = module.Client(httpserver.url_for(""), "k")
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("cut.mp4", "gone.mp4"):
        with pytest.raises(OSError):
            client.download({"output": httpserver.url_for(f"/{name}")}, folder / name)
    client.download({"output": httpserver.url_for("/v.mp4")}, folder / "v.mp4")
    assert [path.name for path in folder.iterdir()] == ["v.mp4"]
    assert (folder / "v.mp4").read_bytes() == b"12"


# --- webhooks -------------------------------------------------------------------------------------


def test_it_believes_what_this_site_signs_and_nothing_else(module):
    secret, old, body = new_webhook_secret(), new_webhook_secret(), examples.answer()

    def signed(*secrets: str, late: float = 0) -> dict[str, str]:
        now = datetime.fromtimestamp(time.time() - late, UTC)
        return signing.headers(secrets=secrets, message_id="msg_1", body=body, now=now)

    for headers in (signed(secret), signed(old, secret), {k.title(): v for k, v in signed(secret).items()}):
        assert module.verify_webhook(secret, headers, body.encode()) == json.loads(body)
    fair = signed(secret)
    for headers in (
        signed(old),
        signed(secret, late=400),
        signed(secret, late=-400),
        {**fair, "webhook-id": "msg_2"},
        {**fair, "webhook-signature": "v1,ключ"},
        {**fair, "webhook-timestamp": "²"},
        {},
    ):
        with pytest.raises(ValueError, match="webhook"):
            module.verify_webhook(secret, headers, body.encode())
    with pytest.raises(ValueError, match="signature"):
        module.verify_webhook(secret, fair, body.encode() + b" ")


# --- a live site ----------------------------------------------------------------------------------


@pytest.fixture
def client(module, site, env):
    return module.Client(site.url, env["API_KEY"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_from_two_files_to_a_video(client, site, tmp_path):
    for name in ("portrait.png", "speech.wav"):
        (tmp_path / name).write_bytes(requests.get(f"{site.url}/samples/{name}", timeout=30).content)
    state = {
        "image": client.upload(tmp_path / "portrait.png", "image"),
        "audio": client.upload(tmp_path / "speech.wav", "audio"),
    }
    price = client.estimate("lipsync-image", **state)
    before = client.balance()["available"]
    job = client.submit("lipsync-image", reference="from-files", metadata={"n": 1}, **state)
    done = client.wait(job["id"], seconds=120, every=0.5)
    client.download(done, tmp_path / "out.mp4")
    assert min(probe(tmp_path / "out.mp4", kind="video").width, 480) == 480
    assert price["exact"]
    assert client.balance()["available"] == before - price["credits"] == before - done["credits"]
    assert list(client.jobs(reference="from-files")) == [done]
    assert client.usage()["jobs"] >= 1
    assert client.key()["label"].startswith("sk_")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_job_that_fails_or_is_canceled_is_said(client, module, site):
    state = {"image": f"{site.url}/samples/portrait.png", "audio": f"{site.url}/samples/none.wav"}
    with pytest.raises(module.JobFailed) as caught:
        client.wait(client.submit("lipsync-image", **state)["id"], seconds=60, every=0.3)
    assert caught.value.code == "fetch_failed"
    job = client.submit("lipsync-image", **state)
    assert client.cancel(job["id"])["error"]
    with pytest.raises(module.JobFailed):
        client.wait(job["id"])
