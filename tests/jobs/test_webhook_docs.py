"""docs/webhooks.md says what runs: the code it points to verifies a real message, its tables are the real ones."""

import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from pytest_httpserver import HTTPServer

from accounts import audit
from accounts.teams import webhook_secret
from jobs.webhooks import answers, deliver, rotation
from tests.clients.tools import needed
from tests.jobs.receiving import ended

DOCS = Path(settings.BASE_DIR) / "docs"
PAGE = (DOCS / "webhooks.md").read_text()


def code(name: str, *, until: str) -> str:
    """The function that checks a signature, with its imports, from the example that the page points to."""
    assert f"](examples/{name})" in PAGE
    head, found, _rest = (DOCS / "examples" / name).read_text().partition(until)
    assert found
    return head


def spoilt(secret: str, headers: dict[str, str], body: bytes) -> list[tuple[str, dict[str, str], bytes]]:
    """The same message with one thing wrong each."""
    late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    return [
        ("whsec_" + "AAAA" * 8, headers, body),
        (secret, headers, body + b" "),
        (secret, {**headers, "webhook-id": "msg_other"}, body),
        (secret, late, body),
        (secret, {**headers, "webhook-timestamp": "soon"}, body),
        (secret, {**headers, "webhook-signature": "v1,"}, body),
        (secret, {**headers, "webhook-signature": "v1,ключ"}, body),
        (secret, {name: headers[name] for name in headers if name != "webhook-signature"}, body),
        (secret, {}, body),
    ]


@pytest.fixture
def received(owner, httpserver: HTTPServer) -> list[tuple[str, dict[str, str], bytes]]:
    """A message as it arrives while two secrets sign, with each of them, and then spoilt in every way."""
    httpserver.expect_request("/hook").respond_with_data("")
    old = webhook_secret(owner.team)
    rotation.rotate(owner.team, actor=owner.membership, keep_for=timedelta(hours=1), who=audit.UNRECORDED)
    new = webhook_secret(owner.team)
    ended(owner, httpserver.url_for("/hook"))
    deliver.deliver_due()
    request, _response = httpserver.log[0]
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.get_data()
    return [(old, headers, body), (new, headers, body), *spoilt(new, headers, body)]


def test_python_example_verifies(received):
    scope: dict = {}
    exec(compile(code("webhook.py", until="class Receiver"), "webhook.py", "exec"), scope)
    found = [scope["is_ours"](*each) for each in received]
    assert found == [True, True, *[False] * (len(received) - 2)]


@pytest.mark.slow
def test_javascript_example_verifies(received, tmp_path):
    needed("node", packages="nodejs")
    cases = [
        {"secret": secret, "headers": headers, "body": body.decode()} for secret, headers, body in received
    ]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    (tmp_path / "verify.mjs").write_text(
        code("webhook.mjs", until="const app").replace('import express from "express";', "")
        + """
import { readFileSync } from "node:fs";
const cases = JSON.parse(readFileSync(process.argv[2]));
console.log(JSON.stringify(cases.map((each) => isOurs(each.secret, each.headers, Buffer.from(each.body)))));
"""
    )
    ran = subprocess.run(
        ["node", "verify.mjs", "cases.json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout) == [True, True, *[False] * (len(received) - 2)]


def test_schedule_is_the_real_one():
    written = re.search(r"sent again after (.*?), each a tenth", PAGE, re.DOTALL).group(1)
    units = {"s": 1, "min": 60, "h": 3600}
    seconds = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", written)]
    assert seconds == [wait.total_seconds() for wait in deliver.RETRY_AFTER]


def test_every_code_of_an_attempt_is_listed():
    table = PAGE.split("as a stable word:")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(answers.CODES)
