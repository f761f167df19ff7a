"""Requests that nobody thought of, made from the OpenAPI document: no 5xx, and no answer that it does not describe."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lipsyncweb.livesite import ROOT, LiveSite
from tests.live import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

# For a long look: SCHEMATHESIS_EXAMPLES=300
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "6")
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]


@contextlib.contextmanager
def web_alone(site: LiveSite) -> Iterator[None]:
    """The site's web server without its workers, so that nothing is rendered."""
    site.manage("migrate")
    with site.log.open("ab") as log:
        command = [sys.executable, "-m", "lipsyncweb.serve"]
        process = subprocess.Popen(command, cwd=ROOT, env=site.env, stdout=log, stderr=log)

    def answers() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", site.port), timeout=1).close()
            return True
        return False

    try:
        until(answers, seconds=60)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_no_answer_is_an_error_of_ours_or_undocumented(tmp_path: Path):
    (tmp_path / "data").mkdir()
    site = LiveSite(tmp_path / "data", STARTING_API_CREDITS="1000000", API_REQUESTS_PER_MINUTE="0")
    with web_alone(site):
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{site.url}/api/v1/openapi.json"]
        options = [f"--header=Authorization: Bearer {site.issue_key('schemathesis@example.com')}"]
        options += [f"--checks={','.join(CHECKS)}", f"--max-examples={EXAMPLES}", "--workers=2", "--no-color"]
        options += ["--phases=examples,coverage,fuzzing,stateful", "--request-timeout=30", "--warnings=off"]
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:] + site.log_tail()
