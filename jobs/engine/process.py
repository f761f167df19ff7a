"""The parent's side of the render process."""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from jobs.engine import confine
from jobs.engine.confined import poison
from jobs.engine.contract import IsCanceled, OnProgress, RenderReport, RenderRequest
from jobs.engine.errors import Canceled, EngineDied, InputError
from jobs.engine.formats import Kind

# Address space, not memory in use: 1.2 GB was seen on two processors, and each more adds its threads' stacks.
MEMORY = 3 * 1024**3
FILE_SIZE = 2 * 1024**3  # bytes
TICK = 0.25  # seconds between two looks at `is_canceled`
STDERR_BYTES = 4096  # of what the process wrote last, kept for `EngineDied.detail`
LINE_BYTES = 1024 * 1024  # an event longer than this is no event


class EngineProcess:
    """A long-lived render process, started when it is first needed. Not thread-safe; one for each worker.

    It has to be used from one thread that lives as long as it does: the kernel kills the process when the
    *thread* that started it ends (`confine.die_with_parent`).

    `render` names the function that the process calls, as "package.module:function". The process is replaced
    after `jobs_per_process` jobs, and after any job that did not end in a report, since hostile input may
    have left it in any state. `silence_seconds` without a word from it count as its death: more than any stage is
    silent for, the longest being a long video that breaks off and is read once more.
    """

    def __init__(
        self,
        *,
        render: str = "jobs.engine.rendering:render",
        jobs_per_process: int = 20,
        memory: int = MEMORY,
        file_size: int = FILE_SIZE,
        nice: int = 10,
        silence_seconds: float = 60.0,
        cancel_seconds: float = 1.0,
    ):
        self._options = {"render": render, "memory": memory, "file_size": file_size, "nice": nice}
        self._jobs_per_process = jobs_per_process
        self._silence_seconds = silence_seconds
        self._cancel_seconds = cancel_seconds
        self._child: _Child | None = None
        self._jobs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def render(
        self, request: RenderRequest, *, on_progress: OnProgress, is_canceled: IsCanceled, cpu_seconds: float
    ) -> RenderReport:
        """Render in the process, with at most `cpu_seconds` of processor time.

        Both callbacks are called in this thread; what they raise ends the render and is raised here. A cancel
        that comes too late is overtaken by the report.

        Raises InputError, also for a file in whose reading the process fell silent or used up its time, which it
        would again; Canceled; and EngineDied when the process ended otherwise, fell silent or failed.
        """
        child = self._ready()
        try:
            child.send(do="render", job=self._jobs, request=request.to_json(), cpu_seconds=cpu_seconds)
            report = self._follow(child, request, on_progress, is_canceled)
        except BaseException:
            self.close()
            raise
        if self._jobs >= self._jobs_per_process:
            self.close()
        return report

    def close(self) -> None:
        """End the process, if there is one. The next render starts another."""
        if self._child is not None:
            self._child.end()
        self._child = None

    def _ready(self) -> "_Child":
        if self._child is not None and not self._child.is_alive():
            self.close()
        if self._child is None:
            self._child = _Child(self._options)
            self._jobs = 0
        self._jobs += 1
        return self._child

    def _follow(
        self, child: "_Child", request: RenderRequest, on_progress: OnProgress, is_canceled: IsCanceled
    ) -> RenderReport:
        heard, stage = time.monotonic(), ""
        give_up: float | None = None  # when to stop waiting for the answer to a cancel
        for event in child.events():
            now = time.monotonic()
            if event is not None:
                heard, stage = now, event.get("stage", stage)
                report = self._take(event, on_progress)
                if report is not None:
                    return report
            if give_up is None and is_canceled():
                child.send(do="cancel", job=self._jobs)
                give_up = now + self._cancel_seconds
            if give_up is not None and now > give_up:
                raise Canceled
            if now - heard > self._silence_seconds:
                raise _blamed(request, stage) or EngineDied(
                    f"The render process was silent for {self._silence_seconds:g} s. {child.tail()}"
                )
        obituary = child.obituary()
        raise (child.used_up_its_time() and _blamed(request, stage)) or EngineDied(obituary)

    def _take(self, event: dict[str, Any], on_progress: OnProgress) -> RenderReport | None:
        """Act on one event; the report if it was the last."""
        match event:
            case {"event": "progress", "stage": stage, "fraction": fraction}:
                on_progress(stage, fraction)
            case {"event": "done", "report": report}:
                return RenderReport.from_json(report)
            case {"event": "input_error", "code": code, "sentence": sentence}:
                raise InputError(code, sentence)
            case {"event": "canceled"}:
                raise Canceled
            case {"event": "crash", "detail": detail}:
                raise EngineDied(detail)
            case _:
                raise EngineDied(f"The render process said something unknown: {str(event)[:200]}")
        return None


def _blamed(request: RenderRequest, stage: str) -> InputError | None:
    """The error for the file that is read in this stage, None where none is.

    A video is read until the last frame, while a recording is heard too.
    """
    kind: Kind = "video" if "video" in request.inputs else "audio"
    reads = ("read", "face", "phones", "frames") if kind == "video" else ("read", "phones")
    return poison(kind) if stage in reads else None


class _Child:
    """One process and its three pipes."""

    def __init__(self, options: dict[str, Any]):
        command = [sys.executable, "-m", "jobs.engine.child", str(os.getpid()), json.dumps(options)]
        self._process = subprocess.Popen(
            command,
            cwd=confine.ROOT,
            env=confine.bare_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # A Ctrl-C or a process manager's SIGTERM goes to a whole group; whether a render that is under
            # way is finished is for the parent to say.
            start_new_session=True,
        )
        self._input: Any = self._process.stdin
        self._output: Any = self._process.stdout
        self._tail = _Tail(self._process.stderr)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, **command: Any) -> None:
        line = memoryview(json.dumps(command).encode() + b"\n")
        try:
            while line:
                line = line[self._input.write(line) :]
        except BrokenPipeError as error:
            raise EngineDied(self.obituary()) from error

    def events(self) -> Iterator[dict[str, Any] | None]:
        """Events as they come, None at every tick without one, and the end when the process ended."""
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while True:
                if not selector.select(TICK):
                    yield None
                    continue
                data = os.read(self._output.fileno(), 65536)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    yield _parse(line)
                if len(pending) > LINE_BYTES:
                    raise EngineDied("The render process sent a line without an end.")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._tail.finish()
        for pipe in (self._input, self._output):
            pipe.close()

    def used_up_its_time(self) -> bool:
        return self._process.poll() == -signal.SIGXCPU

    def tail(self) -> str:
        return self._tail.text()

    def obituary(self) -> str:
        """How the process ended and what it wrote last; ends it if it only closed its output."""
        try:
            status = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._tail.finish()
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        return f"The render process ended with {how}. {self.tail()}".strip()


def _parse(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"event": line[:200].decode(errors="replace")}


class _Tail:
    """Reads a pipe to its end in a thread, so that the writer never waits, and keeps the last bytes."""

    def __init__(self, pipe: Any):
        self._pipe = pipe
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while data := os.read(self._pipe.fileno(), 65536):
            self._kept = (self._kept + data)[-STDERR_BYTES:]

    def text(self) -> str:
        return self._kept.decode(errors="replace")

    def finish(self) -> None:
        """Wait for the rest of what an ended process wrote."""
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._pipe.close()
