"""`make run` with real processes: what it says is true, it stops whole, and it refuses plainly."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from lipsyncweb.livesite import LiveSite, SiteDidNotStart

pytestmark = pytest.mark.slow


def banner(site: LiveSite) -> str:
    """The banner comes once the web server listens, which may be after the first answer."""
    deadline = time.monotonic() + 20
    while "Ctrl-C stops the site" not in site.log_tail(200):
        assert time.monotonic() < deadline, site.log_tail()
        time.sleep(0.1)
    return site.log_tail(200)


def run_printed_curl(text: str) -> dict:
    line = re.search(r"^ *(curl .*)$", text, re.MULTILINE).group(1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, cwd="/")
    return json.loads(done.stdout)


def descendants(pid: int) -> dict[int, str]:
    """Every process below `pid`, with its command line. A process that has ended and waits for its parent is none."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            lines[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if state != "Z":
            parents[int(folder.name)] = int(parent)
    found, newest = {}, {pid}
    while newest:
        newest = {child for child, parent in parents.items() if parent in newest}
        found |= {child: lines[child] for child in newest}
    return found


def test_first_start_prints_a_password_that_logs_in(live_site):
    text = banner(live_site)
    password = re.search(r"with the password (\S+)", text).group(1)
    session = requests.Session()
    form = session.get(f"{live_site.url}/accounts/login/", timeout=20)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text).group(1)
    page = session.post(
        f"{live_site.url}/accounts/login/",
        data={"csrfmiddlewaretoken": token, "login": "operator@localhost", "password": password},
        timeout=20,
    )
    assert page.url == f"{live_site.url}/jobs"
    assert session.get(f"{live_site.url}/operator/", timeout=20).url.endswith("/operator/")


def test_first_start_prints_a_curl_line_that_works_as_it_stands(live_site):
    assert run_printed_curl(banner(live_site))["status"] == "processing"


def test_static_files_named_by_the_pages_are_there(live_site):
    page = requests.get(live_site.url, timeout=20).text
    names = re.findall(r'(?:href|src)="(/static/[^"#]+)', page)
    assert names
    for name in names:
        assert requests.get(live_site.url + name, timeout=20).status_code == 200


def test_database_and_media_are_readable_by_their_owner_alone(live_site):
    for name in ("db.sqlite3", "secret_key", "media"):
        path = live_site.data_dir / name
        assert not path.exists() or path.stat().st_mode & 0o077 == 0, name
    assert (live_site.data_dir / "db.sqlite3").exists()


def test_data_folder_in_use_is_refused(live_site):
    with pytest.raises(SiteDidNotStart, match="already runs on"), LiveSite(live_site.data_dir):
        pass


def test_port_in_use_is_a_plain_sentence_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} cannot be used")
    assert not (tmp_path / "db.sqlite3").exists()


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"PORT": "many"}, "The settings are not right"),
        ({"LIPSYNCWEB_MODE": "staging"}, "must be 'local' or 'production'"),
        ({"LISTEN": "0.0.0.0"}, "local mode is for this machine alone"),
        ({"LIPSYNCWEB_MODE": "production"}, "SECRET_KEY"),
        ({"DATA_DIR": "/proc/nowhere"}, "The data folder cannot be used"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(tmp_path, env, sentence):
    done = run(tmp_path, **env)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def run(data_dir: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lipsyncweb.run"],
        env={**os.environ, "DATA_DIR": str(data_dir), **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is still running")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_every_process_of_the_site_even_in_mid_render(tmp_path, signum):
    with LiveSite(tmp_path) as site:
        run_printed_curl(banner(site))
        pid = site.process.pid
        wait_for(lambda: any("jobs.engine.child" in line for line in descendants(pid).values()))
        before = descendants(pid)
        assert len(before) >= 5  # web, two workers, beat, the render's own
        assert site.stop(signum) == 0
        assert [line for child, line in before.items() if Path(f"/proc/{child}").exists()] == []


def test_second_start_keeps_the_data_and_its_curl_line_works(tmp_path):
    with LiveSite(tmp_path) as first:
        job = run_printed_curl(banner(first))
    first.log.unlink()
    with LiveSite(tmp_path) as second:
        text = banner(second)
        assert "with the password" not in text
        assert f"changepassword {'operator@localhost'}" in text
        assert run_printed_curl(text)["status"] == "processing"
        key = second.issue_key("operator@localhost")
        url = f"{second.url}/api/v1/jobs/{job['id']}"
        assert requests.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=20).status_code == 200


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
