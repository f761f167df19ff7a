"""Measure the API on the shipped server: `make bench-web`, or `python -m tests.bench.web --rounds 10`.

A job read, a read that is repeated (its ETag, 304) and a submit, each beside an empty view and beside a hand-written
view that sends the same queries and bytes (tests/bench/minimal.py), all behind the same middleware, in one run, with
SQLite and with PostgreSQL. All of them take turns of a tenth of a second, in another order in each round, so that what
else the machine does meets all alike; a figure is the median of its turns. Beside the throughput stands what the
server's process used of a processor for one request, which the neighbours of a busy machine do not change.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lipsyncweb.livesite import FOREIGN, ROOT, free_port

SUBMIT = {
    "webhook": "https://hooks.example.com/lipsync",
    "formState": {
        "image": "https://media.example.com/face.png",
        "audio": "https://media.example.com/voice.wav",
        "resolution": "720p",
    },
}
PAIRS = {"job_read": "minimal_read", "job_read_304": "minimal_read_304", "submit": "minimal_submit"}
ASKED = {"job_read": 0.75, "submit": 0.60}  # of the minimal view's throughput


@contextlib.contextmanager
def postgres(url: str) -> Iterator[str]:
    """A database of its own on that server, dropped at the end."""
    import psycopg

    name = f"bench_web_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def site(database: str) -> Iterator[tuple[int, int, dict[str, str]]]:
    """The shipped server on a filled site; gives its port, its process, and the key and the job to ask with."""
    with tempfile.TemporaryDirectory(prefix="bench-web-") as folder:
        port = free_port()
        env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        env |= {"DATA_DIR": folder, "PORT": str(port), "DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
        env |= {"LOG_LEVEL": "ERROR"} | ({"DATABASE_URL": database} if database else {})
        (Path(folder) / "static").mkdir()
        filled = subprocess.run(
            [sys.executable, "-m", "tests.bench.site"], cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE
        )
        server = subprocess.Popen([sys.executable, "-m", "lipsyncweb.serve"], cwd=ROOT, env=env)
        try:
            _wait(port)
            yield port, server.pid, json.loads(filled.stdout)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)


def _wait(port: int) -> None:
    for _try in range(300):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/bench/empty", timeout=5).close()
            return
        time.sleep(0.1)
    raise TimeoutError("The server did not start.")


def requests_for(port: int, key: str, job: str) -> dict[str, dict[str, Any]]:
    """Every request as it is sent, with the status that its answer must have."""

    def request(
        method: str, path: str, *, body: str = "", status: int = 200, **headers: str
    ) -> dict[str, Any]:
        lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{port}", f"Authorization: Bearer {key}"]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return {"text": "\r\n".join(lines) + "\r\n\r\n" + body, "status": status}

    product, minimal = f"/api/v1/jobs/{job}", f"/api/bench/jobs/{job}"
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{product}", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(asked) as answer:
        known = {"status": 304, "If_None_Match": answer.headers["ETag"]}
    body = json.dumps(SUBMIT)
    return {
        "empty": request("GET", "/api/bench/empty"),
        "job_read": request("GET", product),
        "minimal_read": request("GET", minimal),
        "job_read_304": request("GET", product, **known),
        "minimal_read_304": request("GET", minimal, **known),
        "submit": request("POST", "/api/v1/lipsync-image", body=body),
        "minimal_submit": request("POST", "/api/bench/submit", body=body),
    }


def measure(database: str, *, rounds: int, seconds: float) -> dict[str, list[list[float]]]:
    with site(database) as (port, pid, filled):
        requests = requests_for(port, filled["secret"], filled["job"])
        plan = {"port": port, "pid": pid, "rounds": rounds, "seconds": seconds, "requests": requests}
        load = subprocess.run(
            [sys.executable, "-m", "tests.bench.load"],
            input=json.dumps(plan).encode(),
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        )
    return json.loads(load.stdout)


def figures(database: str, slices: dict[str, list[list[float]]]) -> Iterator[dict[str, Any]]:
    """One row for each request; `processor_ms` is what the server's process used for one of them."""
    rates = {name: [count / took for count, took, _cpu in each] for name, each in slices.items()}
    costs = {
        name: sum(cpu for *_rest, cpu in each) / sum(one[0] for one in each) for name, each in slices.items()
    }

    middle = {name: statistics.median(each) for name, each in rates.items()}
    for name in rates:
        minimal = PAIRS.get(name, "")
        yield {
            "name": f"web.{database}.{name}",
            "requests_per_s": round(middle[name]),
            "ratio_to_empty": round(middle[name] / middle["empty"], 3),
            "ratio_to_minimal": round(middle[name] / middle[minimal], 3) if minimal else None,
            "asked": ASKED.get(name),
            "processor_ms": round(1000 * costs[name], 2),
            "processor_ratio_to_minimal": (
                round(costs[minimal] / costs[name], 3) if minimal and costs[name] else None
            ),
        }


COLUMNS = {
    "requests_per_s": "requests/s",
    "ratio_to_empty": "of empty",
    "ratio_to_minimal": "of minimal",
    "asked": "asked",
    "processor_ms": "processor ms",
    "processor_ratio_to_minimal": "of minimal",
}


NOTE = "The product reads a job by a ready statement, the minimal view by the ORM."


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield f"{'':32}" + "".join(f"{title:>14}" for title in COLUMNS.values())
    for row in rows:
        yield f"{row['name']:32}" + "".join(
            f"{'' if row[name] is None else row[name]:>14}" for name in COLUMNS
        )
    yield NOTE


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.web", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.1, help="of one turn")
    parser.add_argument("--postgres", default="", help="the address of a database whose role may make others")
    options = parser.parse_args()
    how = {"rounds": options.rounds, "seconds": options.seconds}
    rows = list(figures("sqlite", measure("", **how)))
    if options.postgres:
        with postgres(options.postgres) as database:
            rows += figures("postgres", measure(database, **how))
    sys.stdout.write("\n".join([*table(rows), *map(json.dumps, rows)]) + "\n")
    missed = [row["name"] for row in rows if row["asked"] and row["ratio_to_minimal"] < row["asked"]]
    if missed:
        sys.stderr.write(f"Below what is asked: {', '.join(missed)}.\n")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
