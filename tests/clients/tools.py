"""The programs that clients in other languages are run with."""

import os
import shutil

import pytest


def needed(*programs: str, packages: str) -> str:
    """The path of the first of these. Without one of them the test is skipped, and fails with CLIENTS_REQUIRED."""
    found = [shutil.which(program) for program in programs]
    if all(found):
        return str(found[0])
    told = f"MISSING: {' or '.join(programs)}; what needs it was not tried. Install {packages}."
    if os.environ.get("CLIENTS_REQUIRED"):
        pytest.fail(told)
    pytest.skip(told)
