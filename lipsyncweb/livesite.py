"""A whole site of its own for the demo, the screenshots and the tests: real processes, a free port, its own data."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
STOP_SECONDS = 30
# What the surrounding shell may have set for another site.
FOREIGN = ("BROKER_URL", "CACHE_URL", "DATABASE_URL", "LIPSYNCWEB_MODE", "LISTEN", "SITE_URL", "STATIC_ROOT")


class SiteDidNotStart(Exception):
    """The site ended or stayed silent; the message holds the end of its log."""


class LiveSite:
    """`with LiveSite(folder) as site:` runs `python -m lipsyncweb.run` on `folder` and stops it at the end."""

    def __init__(self, data_dir: Path, *, port: int = 0, **env: str):
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        self.log = data_dir / "site.log"
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self.env = {**kept, "DATA_DIR": str(data_dir), "PORT": str(self.port), **env}

    def __enter__(self) -> Self:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lipsyncweb.run"], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Stop every process of the site; returns the status of `lipsyncweb.run`."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
            try:
                self.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def manage(self, *words: str) -> str:
        """Run `manage.py` on this site's data and return what it printed."""
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        done = subprocess.run(command, cwd=ROOT, env=self.env, check=True, capture_output=True, text=True)
        return done.stdout

    def issue_key(self, email: str) -> str:
        return self.manage("issue_key", "--email", email).splitlines()[-1]

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SiteDidNotStart(f"The site on {self.url} did not start:\n{self.log_tail()}")
            try:
                opener.open(f"{self.url}/samples/portrait.png", timeout=10).close()
            except urllib.error.HTTPError as error:
                error.close()
                raise SiteDidNotStart(f"The site answers {error.code}:\n{self.log_tail()}") from error
            except OSError:
                time.sleep(0.1)
            else:
                return


def free_port() -> int:
    """A port that nobody listens on now, on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
