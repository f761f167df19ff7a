"""The programs of docs/examples/, as the documentation page prints them: each runs as it stands."""

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from jobs.views import examples
from jobs.webhooks import signing
from lipsyncweb.livesite import ROOT, free_port
from tests.live import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"b" * 32).decode()
LANGUAGES = ["Python", "JavaScript", "Go"]


@pytest.fixture
def command(request, tmp_path):
    """What runs an example in a language; fixtures that a language needs are asked for only then."""

    def make(language: str, text: str) -> list[str]:
        suffix = {"Python": "py", "JavaScript": "mjs", "Go": "go"}[language]
        folder = request.getfixturevalue("node") if language == "JavaScript" else tmp_path
        file = folder / f"example.{suffix}"
        file.write_text(text + "\n")
        if language == "Go":
            program = tmp_path / "example"
            go = request.getfixturevalue("go")
            env = {**os.environ, "GOCACHE": str(tmp_path / "cache"), "GO111MODULE": "off"}
            subprocess.run([go, "vet", file], env=env, check=True, timeout=200)
            subprocess.run([go, "build", "-o", program, file], env=env, check=True, timeout=200)
            return [str(program)]
        return [sys.executable if language == "Python" else "node", str(file)]

    return make


@pytest.mark.parametrize("language", LANGUAGES)
def test_submit_ends_with_the_videos_address(site, env, command, language):
    text = dict(examples.submit(site.url))[language]
    done = subprocess.run(command(language, text), env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{site.url}/files/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_submit_says_why_it_was_refused(site, env, command, language):
    text = dict(examples.submit(site.url))[language]
    wrong = {**env, "KEY": "sk_none_such"}
    done = subprocess.run(command(language, text), env=wrong, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert re.search("401|The API key is missing or not valid", done.stderr)


@pytest.mark.parametrize(
    ("example", "part"),
    [
        (examples.submit_with_curl, '"status": "processing"'),
        (examples.repeat_with_curl, '"status": "processing"'),
        (examples.estimate_with_curl, '"credits": 26'),
        (examples.list_with_curl, '"nextCursor": null'),
        (examples.upload_with_curl, '"value": "upload:'),
    ],
)
def test_curl_examples_are_accepted(site, env, tmp_path, example, part):
    (tmp_path / "portrait.png").write_bytes(
        requests.get(f"{site.url}/samples/portrait.png", timeout=30).content
    )
    done = subprocess.run(
        ["bash", "-c", example(site.url)], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert part in done.stdout


def test_curl_asks_for_a_job_and_cancels_it(site, env):
    submitted = subprocess.run(
        ["bash", "-c", examples.submit_with_curl(site.url)], env=env, capture_output=True, text=True
    )
    named = {**env, "ID": json.loads(submitted.stdout)["id"]}
    for example in (examples.cancel_with_curl, examples.poll_with_curl):
        done = subprocess.run(["bash", "-c", example(site.url)], env=named, capture_output=True, text=True)
        assert json.loads(done.stdout)["id"] == named["ID"]
    assert json.loads(done.stdout)["error"] == "Canceled"


# --- receivers ------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(command: list[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """The receiver's address, and the file that it writes to."""
    port, out = free_port(), folder / "out"
    env = {**os.environ, "SECRET": SECRET, "PORT": str(port)}
    with out.open("wb") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT)

    def listens() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        return False

    try:
        until(listens, seconds=30)
        yield f"http://127.0.0.1:{port}/webhook", out
    finally:
        process.terminate()
        process.wait(timeout=10)


def message(*, secrets=(SECRET,), late=0):
    body = examples.answer()
    now = datetime.fromtimestamp(time.time() - late, UTC)
    return signing.headers(secrets=secrets, message_id="msg_1", body=body, now=now), body


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receiver_believes_what_is_signed_and_nothing_else(command, tmp_path, language):
    text = dict(examples.verify())[language]
    good, body = message()
    overlap, _body = message(secrets=(OLD, SECRET))
    bad = [
        message(secrets=(OLD,))[0],
        message(late=400)[0],
        message(late=-400)[0],
        {**good, "webhook-id": "msg_2"},
        {**good, "webhook-signature": "v1,"},
        {**good, "webhook-timestamp": "soon"},
        {name: good[name] for name in good if name != "webhook-signature"},
        {},
    ]

    def post(headers: dict[str, str], body: str) -> int:
        sent = {**headers, "Content-Type": "application/json"}
        return requests.post(address, data=body.encode(), headers=sent, timeout=10).status_code

    with running(command(language, text), tmp_path) as (address, out):
        assert [post(headers, body) for headers in (good, overlap)] == [200, 200], out.read_text()
        assert {post(headers, body) for headers in bad} == {401}
        assert post(good, body + " ") == 401
        until(lambda: out.read_text().count("completed") == 2, seconds=5)


def test_go_examples_are_in_gofmts_form(go):
    files = sorted((ROOT / "docs/examples").glob("*.go"))
    assert files
    done = subprocess.run([str(Path(go).parent / "gofmt"), "-l", *files], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
