"""Loaded before the settings: the tests' site has a data folder of its own, and nothing of the caller's settings."""

import os
import shutil
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="lipsyncweb-tests-"))
(FOLDER / "static").mkdir()  # whitenoise warns when there is none
os.environ["DATA_DIR"] = str(FOLDER)
for name in (
    "LIPSYNCWEB_MODE",
    "SITE_URL",
    "PORT",
    "BROKER_URL",
    "SECRET_KEY",
    "DEBUG",
    "CACHE_URL",
    "EMAIL_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
):
    os.environ.pop(name, None)


def pytest_unconfigure() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
