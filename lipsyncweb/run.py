"""`python -m lipsyncweb.run`, which `make run` calls: get the site ready, then run all of its processes.

Ready means: checked, migrated, static files collected, samples spoken and, on a local site's first start, an
operator's account. A later start finds nothing to do and looks quickly.
"""

import fcntl
import hashlib
import io
import os
import secrets
import shlex
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from lipsyncweb.supervise import Command, Supervisor

OPERATOR = "operator@localhost"


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lipsyncweb.settings")
    if os.environ.get("LIPSYNCWEB_MODE", "local") == "local":
        os.umask(0o077)  # database and media are nobody else's on a shared machine
    settings = _load_settings()
    lock = _only_one(settings.DATA_DIR)
    _check_port(settings)
    _check_site()
    _migrate()
    _collect_static(settings)
    _make_samples()
    operator = _operator() if settings.LOCAL else None
    from django.db import connections

    connections.close_all()  # the children are forked: a connection must not be shared with them
    status = _supervise(settings, _banner(settings, operator))
    lock.close()
    return status


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def stop(sentence: str) -> NoReturn:
    sys.stderr.write(sentence.rstrip() + "\n")
    sys.exit(1)


def _load_settings() -> Any:
    from django.core.exceptions import ImproperlyConfigured

    try:
        import django
        from django.conf import settings

        django.setup()
    except (ImproperlyConfigured, ValueError) as error:
        stop(f"The settings are not right: {error} See docs/settings.md.")
    except OSError as error:
        stop(f"The data folder cannot be used: {error}. Set DATA_DIR to a folder that you may write to.")
    if settings.LOCAL and os.environ.get("LISTEN"):
        stop(
            "LISTEN is set, but local mode is for this machine alone. Unset it, or set LIPSYNCWEB_MODE=production."
        )
    return settings


def _only_one(data_dir: Path) -> IO[str]:
    """Two sites on one data folder would run every timer twice; the lock ends with this process."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = open(data_dir / "run.lock", "w")  # noqa: SIM115
    except OSError as error:
        stop(f"The data folder cannot be used: {error}. Set DATA_DIR to a folder that you may write to.")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stop(
            f"lipsyncweb already runs on {data_dir}. Stop it, or start a second site with another DATA_DIR and PORT."
        )
    return lock


def _check_port(settings: Any) -> None:
    from lipsyncweb.serve import sockets_for

    try:
        for each in sockets_for(
            local=settings.LOCAL, listen=os.environ.get("LISTEN", "127.0.0.1"), port=settings.PORT
        ):
            each.listen(1)  # bind alone does not see everybody who listens
            each.close()
    except OSError as error:
        stop(
            f"Port {settings.PORT} cannot be used ({error.strerror}). "
            f"Choose another one, such as: PORT={settings.PORT + 1} make run"
        )


def _check_site() -> None:
    from django.core.management import call_command
    from django.core.management.base import SystemCheckError

    try:
        call_command("check", stdout=io.StringIO())
    except SystemCheckError as error:
        stop(str(error))


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import OperationalError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            say("Preparing the database ...")
            call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        stop(f"The database does not answer: {error}\nSee DATABASE_URL in docs/settings.md.")


def _collect_static(settings: Any) -> None:
    """Collect the static files when one of them changed since the last time."""
    from django.contrib.staticfiles.finders import get_finders
    from django.contrib.staticfiles.management.commands.collectstatic import Command as CollectStatic
    from django.core.management import call_command

    from lipsyncweb.storage import QuickModulesStorage

    digest = hashlib.sha256(str(settings.STATIC_ROOT).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list(None), key=lambda each: each[0]):
            found = os.stat(storage.path(name))
            digest.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    stamp = settings.DATA_DIR / "static.stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest() and Path(settings.STATIC_ROOT).is_dir():
        return
    say("Collecting the static files ...")
    command = CollectStatic()
    if settings.LOCAL:
        command.storage = QuickModulesStorage()
    call_command(command, interactive=False, verbosity=0)
    stamp.write_text(digest.hexdigest())


def _make_samples() -> None:
    from jobs.samples import speech_path

    speech_path()


@dataclass(frozen=True)
class Operator:
    """Who may do everything; password and key are empty but on the start that made them."""

    email: str
    password: str = ""
    key: str = ""


def _operator() -> Operator:
    """Find the first operator's account, or make it: on a local site nobody else could."""
    from allauth.account.models import EmailAddress
    from django.db import transaction

    from accounts import audit, keys
    from accounts.models import User
    from accounts.teams import first_team

    there = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if there:
        return Operator(there.email)
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        user = User.objects.filter(email=OPERATOR).first() or User(email=OPERATOR)
        user.is_staff = user.is_superuser = user.is_active = True
        user.set_password(password)
        user.save()
        EmailAddress.objects.update_or_create(
            user=user, email=OPERATOR, defaults={"verified": True, "primary": True}
        )
        _key, plaintext = keys.issue(
            team=first_team(user),
            created_by=user,
            name="First start",
            actor=None,
            who=audit.UNRECORDED,
        )
    return Operator(OPERATOR, password, plaintext)


def _banner(settings: Any, operator: Operator | None) -> str:
    site = settings.SITE_URL
    lines = ["", f"  lipsyncweb is at {site}", ""]
    if operator:
        manage = _manage(settings)
        if operator.password:
            lines += [
                f"  Log in as {operator.email} with the password {operator.password} (shown this once)."
            ]
        else:
            lines += [f"  Log in as {operator.email}. Another password:"]
            lines += [f"    {manage} changepassword {operator.email}"]
        shown = operator.key or f"$({manage} issue_key --email {operator.email} | tail -n 1)"
        lines += ["", "  Make a talking portrait by the API:", "", _curl(site, shown), ""]
        lines += [f"  See it at {site}/jobs. Ctrl-C stops the site.", ""]
    return "\n".join(lines)


def _manage(settings: Any) -> str:
    """`manage.py` as a command that works in any folder and names this site's own data."""
    names = [name for name in ("DATA_DIR", "PORT") if os.environ.get(name)]
    values = {"DATA_DIR": str(settings.DATA_DIR), "PORT": str(settings.PORT)}
    environment = [f"{name}={shlex.quote(values[name])}" for name in names]
    return " ".join([*environment, shlex.join([sys.executable, str(settings.BASE_DIR / "manage.py")])])


def _curl(site: str, key: str) -> str:
    body = (
        f'{{"formState": {{"image": "{site}/samples/portrait.png", "audio": "{site}/samples/speech.wav"}}}}'
    )
    return (
        f'  curl -sS {site}/api/v1/lipsync-image -H "Authorization: Bearer {key}"'
        f" -H 'Content-Type: application/json' -d '{body}'"
    )


def commands(settings: Any) -> list[Command]:
    """The site's processes. deploy/ says the same to systemd."""
    # Celery warns root of pickled messages; ours are JSON.
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser"]
    celery = [*python, "-m", "celery", "--quiet", "-A", "lipsyncweb"]
    quiet = ["--loglevel", "WARNING"]
    worker = ["-P", "threads", "--without-gossip", "--without-mingle", "--without-heartbeat", *quiet]
    beat = ["--schedule", str(settings.DATA_DIR / "beat-schedule"), "--pidfile="]
    return [
        Command("web", [sys.executable, "-m", "lipsyncweb.serve"]),
        Command("render", [*celery, "worker", "-Q", "render", "-c", "1", "-n", "render@%h", *worker]),
        Command("light", [*celery, "worker", "-Q", "light", "-c", "18", "-n", "light@%h", *worker]),
        Command("beat", [*celery, "beat", *beat, *quiet]),
    ]


def _supervise(settings: Any, banner: str) -> int:
    supervisor = Supervisor(
        commands(settings), env={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=settings.BASE_DIR
    )
    address = ("127.0.0.1" if settings.LOCAL else os.environ.get("LISTEN", "127.0.0.1"), settings.PORT)
    return supervisor.run(started=lambda: _announce(supervisor, address, banner))


def _announce(supervisor: Supervisor, address: tuple[str, int], banner: str) -> None:
    """Print the banner once the web server listens, so that what it says is true when it is read."""
    for _ in range(600):
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            supervisor.say(banner)
            return


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
