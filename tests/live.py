"""A whole site as real processes, the way `make run` starts it, for tests that need one."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import requests

from lipsyncweb import livesite

T = TypeVar("T")


def until(look: Callable[[], T], *, seconds: float, every: float = 0.1) -> T:
    """What `look` finds as soon as it is something; TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Nothing after {seconds} s.")
        time.sleep(every)
    return found


class LiveSite(livesite.LiveSite):
    """The site's own helper, with what only tests do: look into its database and kill its processes."""

    def __init__(self, folder: Path, **settings: str):
        super().__init__(folder / "data", **settings)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Read this site's database, past the site."""
        address = self.env.get("DATABASE_URL", "")
        if address:
            with psycopg.connect(address) as database:
                return database.execute(query).fetchall()
        path = f"file:{self.data_dir}/db.sqlite3?mode=ro"
        with contextlib.closing(sqlite3.connect(path, uri=True)) as database:
            return database.execute(query).fetchall()

    def client(self, email: str = "client@example.com") -> "ApiClient":
        return ApiClient(self.url, self.issue_key(email))

    def pids(self, *words: str) -> list[int]:
        """The processes below this site's whose command line holds all of these words."""
        parents, commands = {}, {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit():
                    stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                    parents[int(entry.name)] = int(stat[1])
                    commands[int(entry.name)] = (entry / "cmdline").read_text().split("\0")
        family = [self.process.pid]
        for pid in family:
            family += [child for child, parent in parents.items() if parent == pid]
        return [pid for pid in family if all(word in commands.get(pid, ()) for word in words)]

    def kill(self, *words: str) -> None:
        """SIGKILL the one process of this site whose command line holds all of these words."""
        [pid] = self.pids(*words)
        os.kill(pid, signal.SIGKILL)


class ApiClient:
    """A program that uses the API with a key."""

    def __init__(self, url: str, key: str):
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def submit(self, *, webhook: str = "", **values: Any) -> str:
        """Submit the sample pair, or what `values` names instead, and return the job's id."""
        state = {
            "image": f"{self.url}/samples/portrait.png",
            "audio": f"{self.url}/samples/speech.wav",
            **values,
        }
        body = {"formState": state, **({"webhook": webhook} if webhook else {})}
        answer = self.session.post(f"{self.url}/api/v1/lipsync-image", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.session.get(f"{self.url}/api/v1/jobs/{job_id}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, job_id: str, *, seconds: float = 90) -> dict[str, Any]:
        """The job's document once it has ended."""

        def ended() -> dict[str, Any] | None:
            document = self.job(job_id)
            return document if document["status"] != "processing" else None

        return until(ended, seconds=seconds, every=0.3)
