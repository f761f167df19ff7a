"""Memory of a process that renders one job after another."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Return what is free to the system, where the C library can (glibc): it keeps the frames of a render otherwise,
    a heap for each thread that made some, and ten renders later holds twice of what one needs."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
