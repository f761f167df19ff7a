"""Run several commands as one: their output line by line, one end for all, and nothing left behind.

A command that was killed, or that had run well, is started again. One that ends by itself right after its start is
misconfigured, and one that keeps ending is broken: then everything stops, so that somebody looks.

A process manager from PyPI (honcho) was tried first. It did not see the end of a process whose own child held its
output, ended with a KeyError on a signal during the start, and left everything running when it was killed itself.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRACE_SECONDS = 8.0  # between SIGTERM and SIGKILL; a second signal ends it at once
STEADY_SECONDS = 10.0  # a command that ran this long had started well
RESTARTS_A_MINUTE = 5  # of one command

# Ask Linux for SIGTERM when the parent ends, were it by SIGKILL, then become the command. Not a preexec_fn: that
# would run Python in a fork of a process with threads.
LAUNCH = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Command:
    name: str
    words: Sequence[str]


class Supervisor:
    """Runs commands until one of them ends or a signal comes; then stops them all."""

    def __init__(self, commands: Sequence[Command], *, env: Mapping[str, str], cwd: Path):
        self.commands = commands
        self.env = env
        self.cwd = cwd
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._starts: dict[str, list[float]] = {command.name: [] for command in commands}
        self._relays: list[threading.Thread] = []
        self._signals = 0
        self._printing = threading.Lock()

    def run(self, *, started: Callable[[], None] = lambda: None) -> int:
        """Return 0 when a signal asked for the end, otherwise the status of the process that ended first."""
        before = {each: signal.signal(each, self._note) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            for command in self.commands:
                self._start(command)
            threading.Thread(target=started, daemon=True).start()
            status = self._watch()
        finally:
            self._stop_all()
            for each, handler in before.items():
                signal.signal(each, handler)
        for relay in self._relays:
            relay.join(timeout=1)
        return status

    def say(self, text: str) -> None:
        with self._printing:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def _note(self, signum: int, frame: Any) -> None:
        self._signals += 1

    def _start(self, command: Command) -> None:
        # A session of its own: the terminal's Ctrl-C comes here alone, and the group can be ended as one.
        launch = [sys.executable, "-c", LAUNCH] if sys.platform == "linux" else []
        process = subprocess.Popen(
            [*launch, *command.words],
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running[command.name] = process
        self._starts[command.name].append(time.monotonic())
        self._relays.append(self._relay(command.name, process))

    def _relay(self, name: str, process: subprocess.Popen[bytes]) -> threading.Thread:
        width = max(len(command.name) for command in self.commands)

        def copy() -> None:
            for line in process.stdout or ():
                self.say(f"{name:{width}} | {line.decode(errors='replace').rstrip()}")

        thread = threading.Thread(target=copy, daemon=True)
        thread.start()
        return thread

    def _watch(self) -> int:
        while not self._signals:
            for command in self.commands:
                ended = self._running[command.name].poll()
                if ended is None:
                    continue
                status = 128 - ended if ended < 0 else ended
                if not self._may_restart(command.name, killed=ended < 0):
                    self.say(
                        f"The process {command.name} ended with status {status}, so everything is stopped."
                    )
                    return status or 1  # nothing here is meant to end by itself: a clean end is an error too
                self.say(f"The process {command.name} ended with status {status} and is started again.")
                self._kill_group(self._running[command.name])
                self._start(command)
            time.sleep(0.1)
        self.say("Stopping ...")
        return 0

    def _may_restart(self, name: str, *, killed: bool) -> bool:
        now = time.monotonic()
        if not killed and now - self._starts[name][-1] < STEADY_SECONDS:
            return False
        return sum(now - start < 60 for start in self._starts[name]) <= RESTARTS_A_MINUTE

    def _stop_all(self) -> None:
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()  # its own children are its business, until the time is up
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and self._signals < 2:
            if all(process.poll() is not None for process in self._running.values()):
                break
            time.sleep(0.05)
        for process in self._running.values():
            self._kill_group(process)
            process.wait()

    def _kill_group(self, process: subprocess.Popen[bytes]) -> None:
        # macOS says the second of a group that has ended.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
