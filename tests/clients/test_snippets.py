""" "Show as code" runs: what a form shows makes the very request, in each language."""

import json
import subprocess
import sys

import pytest
import requests

from jobs.views import snippets
from tests.clients.tools import needed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STYLE = (
    "it's \"calm\" $(touch owned) `touch owned` ${KEY} '; touch owned; ' \\ \\n %s\n"
    "</script> !! привет 😀 \u202e\u2028\x7f\U000e0001 '''"
)
READ = "from jobs.models import Job; import json; print(json.dumps(Job.objects.get(pk='%s').values))"


@pytest.fixture(scope="module")
def request_body(site, env):
    """A request with an upload of the key's team."""
    portrait = requests.get(f"{site.url}/samples/portrait.png", timeout=30).content
    sent = requests.post(
        f"{site.url}/api/v1/uploads",
        headers={"Authorization": f"Bearer {env['KEY']}"},
        data={"kind": "image"},
        files={"file": ("me.png", portrait)},
        timeout=30,
    )
    values = {"image": sent.json()["value"], "audio": f"{site.url}/samples/speech.wav"}
    return {"provider": "embedded", "formState": {**values, "resolution": "480p", "prompt": STYLE, "seed": 7}}


def run(command, env, folder):
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert not (folder / "owned").exists()
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_curl_makes_the_very_request(site, env, request_body, tmp_path, shell):
    text = snippets.curl(site.url, "lipsync-image", request_body)
    job = json.loads(run([shell, "-c", text], env, tmp_path))
    assert json.loads(site.manage("shell", "-v", "0", "-c", READ % job["id"])) == request_body["formState"]


@pytest.mark.parametrize("language", ["Python", "JavaScript"])
def test_program_makes_the_very_request_and_ends_with_the_video(site, env, request_body, tmp_path, language):
    text = dict(snippets.all_of(site.url, "lipsync-image", request_body))[language]
    if language == "Python":
        command = [sys.executable, "-c", text]
    else:
        needed("node", packages="nodejs")
        (tmp_path / "program.mjs").write_text(text)
        command = ["node", "program.mjs"]
    address = run(command, env, tmp_path).strip()
    assert address.startswith(f"{site.url}/files/")
    job = address.split("/")[-2]
    assert json.loads(site.manage("shell", "-v", "0", "-c", READ % job)) == request_body["formState"]
