"""Measure the history at a million jobs of one team: `make bench-history`, or `python -m tests.bench.history`.

Whole pages as Django answers them, with SQLite and with PostgreSQL: first with a thousand jobs, then with a million.
The figure that counts is the second over the first; a page that is found by its key costs the same.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lipsyncweb.livesite import FOREIGN, ROOT
from tests.bench.web import postgres

FEW = 1_000
END = datetime(2026, 11, 1, tzinfo=UTC)
EVERY = 25  # seconds from one job to the next: a million are nine months
REPEATS = 9
DEEP = 0.8  # of all jobs lie before the page that is called the deep one

# One statement fills the table from one job that the site made; numbers go from the newest to the oldest.
NUMBERS = {
    "sqlite": "(WITH RECURSIVE s(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM s WHERE i < {last})"
    " SELECT i FROM s)",
    "postgresql": "(SELECT i FROM generate_series({first}, {last}) AS s(i))",
}
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '{end}', '-' || (n.i * {every}) || ' seconds')",
    "postgresql": "timestamptz '{end}+00' - n.i * interval '{every} seconds'",
}
ID = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "gen_random_uuid()"}
# 2 of a hundred failed, one model makes 1 of a thousand and only early, and one person made 1 of a hundred.
CHANGED = {
    "state": "CASE WHEN n.i % 50 = 7 THEN 'failed' WHEN n.i < 40 AND n.i % 2 = 0 THEN 'queued' ELSE 'completed' END",
    "model": "CASE WHEN n.i % 1000 = 3 THEN 'lipsync-video' ELSE 'lipsync-image' END",
    "person_id": "CASE WHEN n.i % 100 = 5 THEN {second} WHEN n.i % 3 = 0 THEN NULL ELSE {first_person} END",
    "key_id": "CASE WHEN n.i % 100 <> 5 AND n.i % 3 = 0 THEN {key} END",
    "search": "'portrait ' || n.i || ' speech order ' || (n.i % 997)",
}


def fill(first: int, last: int, people: dict[str, int]) -> None:
    """Rows number `first` to `last`, without their events and credits, which the history does not read."""
    from django.db import connection

    from jobs.models import Job

    vendor = connection.vendor
    changed = {name: text.format(**people) for name, text in CHANGED.items()}
    changed["id"] = ID[vendor]
    changed["created_at"] = MOMENT[vendor].format(end=END.strftime("%Y-%m-%d %H:%M:%S"), every=EVERY)
    changed |= {"callback_token": "NULL", "reference": "''"}
    columns = [field.column for field in Job._meta.concrete_fields]
    values = ", ".join(changed.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    numbers = NUMBERS[vendor].format(first=first, last=last)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO jobs_job ({names}) SELECT {values} FROM jobs_job AS t CROSS JOIN {numbers} AS n "
            "WHERE t.reference = 'template'"
        )


def cases(people: dict[str, int], deep: str) -> dict[str, dict[str, Any]]:
    rare = {"status": "failed", "model": "lipsync-video"}
    found = {
        "no filter": {},
        "status": {"status": "failed"},
        "in progress": {"status": "active"},
        "model": {"model": "lipsync-video"},
        "person": {"person": people["second"]},
        "key": {"key": people["key"]},
        "day": {"first": "2026-10-31", "last": "2026-10-31"},
        "status, person": {"status": "failed", "person": people["second"]},
        "never together": rare,  # 7 of fifty and 3 of a thousand
        "frequent word": {"text": "speech"},
        "rare word": {"text": "996 order"},
        "no such word": {"text": "nowhere"},
    }
    if deep:
        found |= {f"{name}, deep": {**asked, "after": deep} for name, asked in found.items() if name != "day"}
    return found


def measure(client: Any, people: dict[str, int], deep: str = "") -> dict[str, float]:
    """Milliseconds of each page, and of asking again for one on which nothing has changed."""
    import re
    from html import unescape

    found = {}
    for name, asked in cases(people, deep).items():
        page = client.get("/jobs", asked)
        assert page.status_code == 200, page.status_code
        found[name] = _median(lambda asked=asked: client.get("/jobs", asked))
        if poll := re.search(r'hx-get="(/jobs/rows[^"]*)"', page.content.decode()):
            address = unescape(poll[1])
            if client.get(address).status_code == 204:
                found[f"{name}: ask again"] = _median(lambda address=address: client.get(address))
    return found


def _median(call: Callable[[], Any]) -> float:
    times = []
    for _repeat in range(REPEATS):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _run(rows: int) -> dict[str, Any]:
    """In the process of one database: fill and measure, twice."""
    import django

    django.setup()
    from django.conf import settings

    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}  # without collecting any file
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from accounts import audit, keys
    from accounts.models import Membership, User
    from accounts.teams import first_team
    from jobs import catalog, cursors, form_state, submit
    from jobs.models import Job

    call_command("migrate", verbosity=0)
    user, second = User.objects.create_user("bench@example.com"), User.objects.create_user("two@example.com")
    team = first_team(user)
    Membership.objects.create(team=team, user=second, role="member")
    key, _secret = keys.issue(team=team, created_by=user, name="bench", actor=None, who=audit.UNRECORDED)
    values = {"image": "https://media.example.com/face.png", "audio": "https://media.example.com/voice.wav"}
    state = form_state.build(catalog.get("lipsync-image"), values)
    seat = Membership.objects.get(user=user, team=team)
    job = submit.submit(team=team, actor=seat, form_state=state)
    Job.objects.filter(pk=job.pk).update(
        reference="template", state="completed", created_at=END - timedelta(days=3000), deleted_at=None
    )
    people = {"first_person": user.pk, "second": second.pk, "key": key.pk}
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    fill(0, FEW - 1, people)
    few = measure(client, people)
    began = time.perf_counter()
    fill(FEW, rows - 1, people)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE jobs_job")  # what autovacuum does a minute later
    filled = time.perf_counter() - began
    at = END - timedelta(seconds=int(rows * DEEP) * EVERY)
    row = (
        Job.objects.filter(team=team, created_at__lte=at, deleted_at=None)
        .order_by("-created_at", "-pk")
        .first()
    )
    assert row is not None
    many = measure(client, people, cursors.encode(row.created_at, row.pk))
    return {"few": few, "many": many, "filled": filled, "rows": Job.objects.count()}


def run(rows: int, database: str = "") -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-history-") as folder:
        (Path(folder) / "static").mkdir()
        env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        env |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "lipsyncweb.settings", "LOG_LEVEL": "ERROR"}
        env |= {"DATABASE_URL": database} if database else {}
        command = [sys.executable, "-m", "tests.bench.history", "--inside", "--rows", str(rows)]
        done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE)
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def report(name: str, found: dict[str, Any]) -> None:
    few, many = found["few"], found["many"]
    _say(f"\n{name}: {found['rows']:,} jobs of one team, filled in {found['filled']:.0f} s")
    _say(f"{'page':34}{FEW:>10,} jobs{found['rows']:>12,} jobs{'ratio':>9}")
    for case, took in many.items():
        base = few.get(case) or few.get(case.replace(", deep", ""))
        shown = f"{base:12.1f} ms{took:14.1f} ms{took / base:9.2f}" if base else f"{'':15}{took:14.1f} ms"
        _say(f"{case:34}{shown}")


@contextlib.contextmanager
def _databases(url: str) -> Iterator[dict[str, str]]:
    with contextlib.ExitStack() as stack:
        yield {"SQLite": "", **({"PostgreSQL": stack.enter_context(postgres(url))} if url else {})}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgres", default="", help="a server's address; empty leaves it out")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        json.dump(_run(options.rows), sys.stdout)
        return
    with _databases(options.postgres) as databases:
        for name, database in databases.items():
            report(name, run(options.rows, database))


if __name__ == "__main__":
    main()
