import ctypes
from pathlib import Path

import numpy as np
import pytest

from jobs.engine.memory import give_back


def held() -> int:
    """Megabytes of this process in memory."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) // 1024


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_free_memory_goes_back_to_the_system():
    blocks = [np.ones(50_000, np.uint8) for _ in range(3000)]
    full = held()
    kept = blocks[::100]  # nothing is at the heap's end that could be cut off
    del blocks
    give_back()
    assert held() < full - 100
    assert len(kept) == 30
