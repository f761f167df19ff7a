"""What a generation costs: whole credits for whole seconds, rounded up, as docs/api.md tells."""

import math

CREDITS_A_SECOND = {"480p": 2, "720p": 4}
MINIMUM_SECONDS = 5


def billed_seconds(output_seconds: float) -> int:
    """Whole seconds that are billed for an output of this length: rounded up, at least MINIMUM_SECONDS.

    Lengths are taken to the millisecond, so that the last bits of a float never cost a second.
    """
    return max(MINIMUM_SECONDS, math.ceil(round(output_seconds, 3)))


def credits_for(seconds: int, resolution: str) -> int:
    return seconds * CREDITS_A_SECOND[resolution]
