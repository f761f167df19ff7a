"""What production mode refuses to start with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lipsyncweb.checks import payments_are_whole

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


@pytest.mark.slow  # a start of the site each
def test_a_safe_production_site_starts(tmp_path):
    ran = check(tmp_path, **SAFE)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("key", "secrets", "local", "codes"),
    [
        ("", [], False, []),
        ("sk_live_1", ["whsec_1", "whsec_2"], False, []),
        ("rk_test_1", ["whsec_1"], True, []),
        ("sk_live_1", [], False, ["E020"]),
        ("", ["whsec_1"], False, ["E020"]),
        ("pk_live_1", ["whsec_1"], False, ["E021"]),
        ("sk_live_1", ["whsec_1", "we_2"], False, ["E022"]),
        ("rk_live_1", ["whsec_1"], True, ["E023"]),
        ("sk_test_1", ["whsec_1"], False, ["W020"]),
    ],
)
def test_payments_are_set_up_whole(settings, key, secrets, local, codes):
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRETS, settings.LOCAL = key, secrets, local
    found = payments_are_whole(None)
    assert [message.id for message in found] == [f"lipsyncweb.{code}" for code in codes]
    assert all(message.hint for message in found)
