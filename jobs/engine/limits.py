"""How much of a file, and of this machine, one input may use."""

import resource
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What an input may hold. Checked from the headers, and again while decoding."""

    pixels: int = 40_000_000  # of one picture
    picture_side: int = 16_384  # pixels: a WebP cannot be longer
    side: int = 4096  # pixels, of a video's frames
    seconds: float = 600.0  # of sound or video
    streams: int = 16  # phones add several data streams to a video
    channels: int = 8
    sample_rate: int = 192_000  # Hz
    fps: float = 240.0  # the slow motion of phones
    bytes: int = 512 * 1024 * 1024  # of the file


DEFAULT = Limits()


def cap(which: int, value: int) -> None:
    """Lower a soft resource limit of this process to `value`, never above what is allowed.

    The hard limit stays, so that a long-lived process can raise its own soft limit for the next job.
    """
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, hard))


def cap_memory(size: int) -> None:
    """Refuse this process more than `size` bytes of address space; it then sees MemoryError."""
    cap(resource.RLIMIT_AS, size)


def cap_file(size: int) -> None:
    """Refuse this process files longer than `size` bytes; writing on raises OSError (EFBIG)."""
    cap(resource.RLIMIT_FSIZE, size)


def cap_processor(seconds: float) -> None:
    """Let this process use `seconds` of processor time beyond what it has used already.

    The kernel ends it by SIGXCPU after that, in whatever library it is looping.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cap(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime + seconds) + 1)
