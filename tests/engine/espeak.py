"""Speech with a known truth, for tests; the benchmark has the same."""

from jobs.engine.bench.espeak import Spoken, speak

__all__ = ["Spoken", "speak"]
