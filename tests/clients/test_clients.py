"""Clients written for the hosted service, against a live site: only the base URL, the key and the media differ."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.engine.probe import probe
from lipsyncweb.livesite import LiveSite

HERE = Path(__file__).parent
SEVEN = {"id", "model", "status", "output", "error", "executionTime", "timings"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with LiveSite(tmp_path_factory.mktemp("clients")) as site:
        yield site


@pytest.fixture(scope="module")
def env(site):
    return {**os.environ, "BASE_URL": site.url, "API_KEY": site.issue_key("client@example.com")}


@pytest.fixture(scope="module")
def node_client(tmp_path_factory):
    """The Node client with its locked packages, in a folder of its own."""
    if shutil.which("npm") is None:
        pytest.skip("NODE IS NOT INSTALLED: the Node client was not tried. Install nodejs and npm to try it.")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(HERE / "node" / name, folder)
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, timeout=240
    )
    return folder / "client.mjs"


@pytest.mark.parametrize("how", ["webhook", "poll"])
def test_node_client_gets_a_video(node_client, env, how):
    done = subprocess.run(["node", node_client, how], env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    check_job(json.loads(done.stdout))


def test_node_client_is_told_why_a_submit_was_refused(node_client, env):
    wrong = {**env, "API_KEY": "sk_none_such"}
    done = subprocess.run(
        ["node", node_client, "poll"], env=wrong, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "Submitting answered 401" in done.stderr


@pytest.mark.parametrize("command", [["sh", HERE / "client.sh"], [sys.executable, HERE / "client.py"]])
def test_client_without_packages_gets_a_video(env, tmp_path, command):
    video = tmp_path / "out.mp4"
    done = subprocess.run([*command, video], env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    check_job(json.loads(done.stdout))
    found = probe(video, kind="video")
    assert min(found.width, found.height) == 480


def check_job(job):
    assert set(job) >= SEVEN
    assert (job["model"], job["status"], job["error"]) == ("lipsync-image", "completed", "")
    assert job["output"].endswith(".mp4")
    assert isinstance(job["executionTime"], int)
