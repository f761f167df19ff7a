"""What a process that reads files of strangers does first: tie its life to its parent's and take limits."""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]  # where `python -m jobs.engine...` is found

_PR_SET_PDEATHSIG = 1
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONWARNINGS",
)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only).

    The thread, not the process (prctl(2)): whoever starts a long-lived process from a thread that comes and
    goes loses it. A parent that ended before the call is found by its number.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def bare_environment() -> dict[str, str]:
    """The environment for such a process: what finding libraries needs, and no secret of the site.

    One thread for matrix products, few allocation arenas (each reserves address space), quiet libraries.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "GLOG_minloglevel": "2",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def private_stdout() -> TextIO:
    """A line-buffered text file on the real stdout; from now on, what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return answers


def cap(which: int, value: int) -> None:
    """Set a soft resource limit of this process to `value`, or to the hard limit where that is lower.

    The hard limit stays, so that a long-lived process can raise its own soft limit for the next job.
    """
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, hard))


def cap_memory(size: int) -> None:
    """Refuse this process more than `size` bytes of address space; it then sees MemoryError, or aborts."""
    cap(resource.RLIMIT_AS, size)


def cap_file(size: int) -> None:
    """Refuse this process files longer than `size` bytes: writing on raises OSError (EFBIG)."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    cap(resource.RLIMIT_FSIZE, size)


def cap_processor(seconds: float) -> None:
    """Let this process use `seconds` of processor time beyond what it has used already.

    The kernel ends it by SIGXCPU after that, in whatever library it is looping.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    cap(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 1)


def no_core_dump() -> None:
    cap(resource.RLIMIT_CORE, 0)
