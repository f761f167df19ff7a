"""The render process: `python -m jobs.engine.child PARENT OPTIONS`, kept alive from job to job.

JSON lines come in on stdin: {"do": "render", "job": 1, "request": {...}, "cpu_seconds": 60} and, at any
time, {"do": "cancel", "job": 1}. JSON lines go out on stdout: {"event": "progress", "stage": ..., "fraction":
...} now and then, and one of {"event": "done", "report": {...}}, {"event": "input_error", "code": ...,
"sentence": ...}, {"event": "canceled"}, {"event": "crash", "detail": ...} for each job. What libraries print
goes to stderr. The process ends when stdin does, in mid-render too.
"""

import importlib
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from jobs.engine import confine
from jobs.engine.contract import RenderReport, RenderRequest
from jobs.engine.errors import Canceled, InputError

PROGRESS_SECONDS = 0.2  # between two reports within one stage
DETAIL_CHARACTERS = 4096

Render = Callable[..., RenderReport]


class Inbox:
    """Commands from the parent: a thread reads them, so that a cancel is heard while a render runs."""

    def __init__(self) -> None:
        self.commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._canceled: set[int] = set()

    def start(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    def is_canceled(self, job: int) -> bool:
        return job in self._canceled

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            try:
                command = json.loads(line)
                if command["do"] == "cancel":
                    self._canceled.add(command["job"])
                    continue
            except (ValueError, TypeError, LookupError):
                command = {"do": "unreadable"}
            self.commands.put(command)
        # The parent closed its end or died: nobody waits for an answer.
        os._exit(0)


class Outbox:
    """Events to the parent."""

    def __init__(self, file: TextIO):
        self._file = file
        self._stage = ""
        self._next = 0.0

    def send(self, event: str, **fields: Any) -> None:
        try:
            self._file.write(json.dumps({"event": event, **fields}) + "\n")
        except BrokenPipeError:
            os._exit(0)

    def progress(self, stage: str, fraction: float) -> None:
        now = time.monotonic()
        if stage == self._stage and now < self._next:
            return
        self._stage, self._next = stage, now + PROGRESS_SECONDS
        self.send("progress", stage=stage, fraction=round(float(fraction), 4))


def load(name: str) -> Render:
    """The function that `name` ("package.module:function") stands for."""
    module, _, function = name.partition(":")
    found: Render = getattr(importlib.import_module(module), function)
    return found


def run(command: dict[str, Any], render: Render, inbox: Inbox, outbox: Outbox) -> None:
    """Carry out one command and answer it with one closing event, whatever happens."""
    try:
        if command.get("do") != "render":
            raise ValueError(f"unknown command {command.get('do')!r}")
        confine.cap_processor(command["cpu_seconds"])
        request = RenderRequest.from_json(command["request"])
        job = command["job"]
        report = render(request, on_progress=outbox.progress, is_canceled=lambda: inbox.is_canceled(job))
        outbox.send("done", report=report.to_json())
    except InputError as error:
        outbox.send("input_error", code=error.code, sentence=error.sentence)
    except Canceled:
        outbox.send("canceled")
    except Exception:  # noqa: BLE001 - the parent makes an EngineDied of it, with these words
        outbox.send("crash", detail=traceback.format_exc()[-DETAIL_CHARACTERS:])


def main(arguments: list[str]) -> None:
    parent, options = int(arguments[0]), json.loads(arguments[1])
    confine.die_with_parent(parent)
    outbox = Outbox(confine.private_stdout())
    confine.no_core_dump()
    confine.cap_memory(options["memory"])
    confine.cap_file(options["file_size"])
    os.nice(options["nice"])
    inbox = Inbox()
    inbox.start()
    render = load(options["render"])
    while True:
        run(inbox.commands.get(), render, inbox, outbox)


if __name__ == "__main__":
    main(sys.argv[1:])
