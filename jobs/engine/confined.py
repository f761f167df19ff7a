"""Questions about files of strangers, each answered by a short-lived process that may die of it.

Such a process is a module of the engine: `python -m jobs.engine.NAME KIND PATH LIMITS PARENT` prints one JSON object,
which may be {"error": {"code", "sentence"}}. LIMITS is JSON, PARENT the number of the process that must be its parent.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jobs.engine import confine
from jobs.engine.errors import EngineDied, GivenUp, InputError
from jobs.engine.formats import NOUNS, Kind
from jobs.engine.limits import Limits

SECONDS = 20.0  # of wall clock and of processor


def ask(
    module: str, path: Path, *, kind: Kind, limits: Limits, wall_seconds: float = SECONDS, words: str = ""
) -> dict[str, Any]:
    """What the process of that module says about a file. words : what stands for KIND, where it is not the kind.

    Raises InputError, of its kind GivenUp and with the code KIND_unreadable where the process was killed or took too
    long, and EngineDied when it could not do its work for a reason of its own.
    """
    command = [sys.executable, "-m", module, words or kind, str(Path(path).absolute())]
    command += [json.dumps(asdict(limits)), str(os.getpid())]
    try:
        done = subprocess.run(
            command,
            cwd=confine.ROOT,
            env=confine.bare_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wall_seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise poison(kind) from error
    if done.returncode < 0:  # a signal: out of processor time, or a fault in a decoder
        raise poison(kind)
    return _answer(module, done)


def poison(kind: Kind) -> GivenUp:
    """The error for a file that has to be given up in mid-work."""
    return GivenUp(
        f"{kind}_unreadable",
        f"The {NOUNS[kind]} could not be read within the limits of time and memory. Export it again, smaller "
        "or in another format, and send the new file.",
    )


def _answer(module: str, done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        detail = done.stderr[-4096:].decode(errors="replace")
        raise EngineDied(f"{module} ended with status {done.returncode}. {detail}") from error
    if "error" in answer:
        raise InputError(**answer["error"])
    return answer


# From here on: inside the process.


def reply(
    arguments: list[str],
    work: Callable[[Path, str, Limits], dict[str, Any]],
    *,
    memory: int,
    seconds: float = SECONDS,
    file_size: int = 0,
) -> None:
    """Take the limits, do the work and print what it returns.

    memory : bytes of address space. file_size : the most bytes that it may write into one file.
    """
    words, path, limits, parent = arguments
    confine.die_with_parent(int(parent))
    confine.no_core_dump()
    confine.cap_memory(memory)
    confine.cap_processor(seconds)
    confine.cap_file(file_size)
    with confine.private_stdout() as answers:
        try:
            answer = work(Path(path), words, Limits(**json.loads(limits)))
        except InputError as error:
            answer = {"error": {"code": error.code, "sentence": error.sentence}}
        json.dump(answer, answers)
