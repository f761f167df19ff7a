"""What production mode refuses to start with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "LIPSYNCWEB_MODE": "production",
    "SECRET_KEY": "0123456789" * 5,
    "SITE_URL": "https://video.example.com",
}


def check(tmp_path, **environment):
    command = [sys.executable, "-c", "import lipsyncweb.wsgi"]
    full = {**os.environ, "DATA_DIR": str(tmp_path), **environment}
    return subprocess.run(command, cwd=ROOT, env=full, capture_output=True, text=True, timeout=60)


def test_a_safe_production_site_starts(tmp_path):
    ran = check(tmp_path, **SAFE)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SECRET_KEY": ""}, "E001"),
        ({"SECRET_KEY": "short"}, "E001"),
        ({"SECRET_KEY": "s" * 50}, "E001"),
        ({"DEBUG": "on"}, "E002"),
        ({"OUTBOUND_ALLOW_LOOPBACK": "on"}, "E003"),
        ({"SITE_URL": "http://video.example.com"}, "E004"),
        ({"ALLOWED_HOSTS": "*"}, "E005"),
        ({"LEASE_RENEW_SECONDS": "40"}, "E006"),
    ],
)
def test_an_unsafe_one_does_not(tmp_path, change, code):
    ran = check(tmp_path, **{**SAFE, **change})
    assert ran.returncode != 0
    assert f"lipsyncweb.{code}" in ran.stderr


def test_a_mode_that_is_none_is_refused(tmp_path):
    ran = check(tmp_path, LIPSYNCWEB_MODE="staging")
    assert ran.returncode != 0
    assert "'local' or 'production'" in ran.stderr
