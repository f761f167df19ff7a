"""Clients written for the hosted service, against a live site: only the base URL, the key and the media differ."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.engine.probe import probe

HERE = Path(__file__).parent
SEVEN = {"id", "model", "status", "output", "error", "executionTime", "timings"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("how", ["webhook", "poll"])
def test_node_client_gets_a_video(node, env, how):
    done = subprocess.run(
        ["node", node / "client.mjs", how], env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    check_job(json.loads(done.stdout))


def test_node_client_is_told_why_a_submit_was_refused(node, env):
    wrong = {**env, "API_KEY": "sk_none_such"}
    done = subprocess.run(
        ["node", node / "client.mjs", "poll"], env=wrong, capture_output=True, text=True, timeout=60
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
