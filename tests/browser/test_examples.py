"""The code on the documentation page runs as it stands."""

import os
import subprocess
import sys

import pytest

from jobs.views import examples

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def key(site) -> str:
    return site.issue_key("examples@example.com")


def run(command: list[str], key: str) -> str:
    environment = {**os.environ, "KEY": key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_example_is_accepted(site, key):
    assert '"status": "processing"' in run(["bash", "-c", examples.submit_with_curl(site.url)], key)


def test_python_example_ends_with_the_videos_address(site, key):
    text = dict(examples.submit(site.url))["Python"]
    assert run([sys.executable, "-c", text], key).startswith(f"{site.url}/files/")
