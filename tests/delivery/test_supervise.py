"""The supervisor, with real processes: one end for all, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# argv: a folder for process ids, then one Python program a command. Each command writes down its own process id.
SCRIPT = """
import os, sys
from pathlib import Path
from lipsyncweb.supervise import Command, Supervisor

import lipsyncweb.supervise

lipsyncweb.supervise.STEADY_SECONDS = float(os.environ.get("STEADY_SECONDS", "10"))
folder, programs = sys.argv[1], sys.argv[2:]
note = "import os, sys, time, signal, subprocess; open(os.path.join(%r, str(os.getpid())), 'w').close(); " % folder
commands = [Command(f"p{n}", [sys.executable, "-c", note + program]) for n, program in enumerate(programs)]
sys.exit(Supervisor(commands, env=os.environ, cwd=Path.cwd()).run())
"""

SLEEP = "time.sleep(60)"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
# A child of a child, which holds the output open and is not told of any end.
PARENT = "p = subprocess.Popen(['sleep', '60']); print('grandchild', p.pid, flush=True); time.sleep(60)"


class Site:
    def __init__(self, folder: Path, *programs: str, steady: float = 10):
        self.folder = folder
        self.count = len(programs)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder), *programs],
            cwd=ROOT,
            env={**os.environ, "STEADY_SECONDS": str(steady)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def children(self) -> list[int]:
        return [int(path.name) for path in self.folder.iterdir()]

    def wait_for_children(self) -> None:
        until(lambda: len(self.children()) == self.count)


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("waited in vain")
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def site(tmp_path):
    started = []
    folder = tmp_path / "pids"
    folder.mkdir()

    def start(*programs, **options):
        started.append(Site(folder, *programs, **options))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()
        for pid in each.children():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is still running"),
]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_everything_and_counts_as_success(site, signum):
    run = site(SLEEP, SLEEP)
    run.wait_for_children()
    run.process.send_signal(signum)
    assert run.process.wait(timeout=20) == 0
    assert not any(alive(pid) for pid in run.children())


def test_signal_during_the_start_stops_everything(site):
    run = site(SLEEP, SLEEP, SLEEP, SLEEP)
    until(run.children)  # the first one runs, the others may not
    run.process.terminate()
    run.process.wait(timeout=20)
    assert not any(alive(pid) for pid in run.children())


def test_process_that_dies_stops_the_others_and_gives_its_status(site):
    run = site(SLEEP, "sys.exit(7)")
    output, _ = run.process.communicate(timeout=20)
    assert run.process.returncode == 7
    assert "The process p1 ended with status 7" in output
    assert not any(alive(pid) for pid in run.children())


def test_process_that_ends_cleanly_is_an_error_too(site):
    assert site(SLEEP, "pass").process.wait(timeout=20) == 1


def test_process_that_was_killed_is_started_again(site):
    run = site(SLEEP, SLEEP)
    run.wait_for_children()
    before = run.children()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(run.children()) == 3)
    assert alive(before[1])
    run.process.terminate()
    assert run.process.wait(timeout=20) == 0
    assert not any(alive(pid) for pid in run.children())


def test_process_that_keeps_being_killed_stops_everything(site):
    run = site(SLEEP, "os.kill(os.getpid(), signal.SIGKILL)")
    output, _ = run.process.communicate(timeout=20)
    assert run.process.returncode == 128 + signal.SIGKILL
    assert output.count("is started again") == 5
    assert not any(alive(pid) for pid in run.children())


def test_process_that_had_run_well_is_started_again(site):
    run = site(SLEEP, "time.sleep(0.6)", steady=0.5)
    until(lambda: len(run.children()) == 4)
    run.process.terminate()
    assert run.process.wait(timeout=20) == 0
    assert not any(alive(pid) for pid in run.children())


def test_second_signal_kills_a_process_that_does_not_stop(site):
    run = site(STUBBORN)
    assert "ready" in run.process.stdout.readline()
    run.process.terminate()
    assert "Stopping" in run.process.stdout.readline()
    assert alive(run.children()[0])
    run.process.terminate()
    assert run.process.wait(timeout=5) == 0
    assert not any(alive(pid) for pid in run.children())


def test_childrens_children_are_stopped_and_do_not_hide_an_end(site):
    run = site(PARENT)
    grandchild = int(run.process.stdout.readline().split()[-1])
    assert alive(grandchild)
    os.kill(run.children()[0], signal.SIGKILL)
    until(lambda: not alive(grandchild))
    run.process.terminate()
    assert run.process.wait(timeout=20) == 0


def test_killed_supervisor_takes_its_children_along(site):
    run = site(SLEEP, SLEEP)
    run.wait_for_children()
    run.process.kill()
    until(lambda: not any(alive(pid) for pid in run.children()))
