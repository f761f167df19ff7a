"""What was found by attacking the site, and must not come back."""

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib import admin
from django.core.cache import cache
from django.test import Client
from pytest_httpserver import HTTPServer

from accounts.models import Membership
from jobs import execute
from tests.conftest import PASSWORD
from tests.jobs.making import make_job

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def operator(owner):
    owner.user.is_staff = owner.user.is_superuser = True
    owner.user.save()
    return owner


def test_the_operators_door_asks_for_the_usual_sign_in(operator):
    """Not Django's own form, which knows neither limits on guessing nor second factors."""
    browser = Client()
    answer = browser.post("/operator/login/", {"username": operator.user.email, "password": PASSWORD})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    assert browser.get("/operator/").status_code == 302


def test_a_second_factors_secret_is_encrypted_and_not_in_the_admin(operator):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(operator.user, secret)
    stored = Authenticator.objects.get(user=operator.user)
    assert secret not in json.dumps(stored.data)
    assert totp.TOTP(stored).validate_code(
        totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))
    )
    assert not admin.site.is_registered(Authenticator)


@pytest.mark.parametrize("path", ["/", "/docs", "/jobs", "/keys", "/credits", "/nothing"])
def test_a_member_who_was_removed_gets_an_answer_and_no_team(owner, path):
    Membership.objects.filter(user=owner.user).delete()
    answer = owner.client.get(path)
    assert answer.status_code in (200, 302, 404)
    assert owner.team.name not in answer.content.decode()


@pytest.mark.parametrize("where", ["formState", "top"])
def test_sixty_thousand_unknown_keys_get_a_short_answer(client, owner, where):
    many = {f"k{number}": 1 for number in range(60_000)}
    body = {"formState": many} if where == "formState" else many
    answer = client.post(
        "/api/v1/lipsync-image", json.dumps(body), content_type="application/json", headers=owner.headers
    )
    assert answer.status_code == 422
    assert len(answer.json()["fields"]) <= 21
    assert len(answer.content) < 20_000


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v2/x"])
def test_nothing_under_api_is_html(client, db, path):
    answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")


@pytest.mark.parametrize("path", ["/", "/docs", "/jobs", "/nothing", "/operator/", "/samples/portrait.png"])
def test_every_answer_carries_the_policy_and_nosniff(owner, path):
    answer = owner.client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    for part in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "default-src 'self'"):
        assert part in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    answer.close()


def test_a_wrong_host_is_refused_with_the_policy_on(client, db):
    answer = client.get("/", headers={"host": "evil.example.com"})
    assert answer.status_code == 400
    assert "default-src 'self'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/docs", "/jobs", "/keys", "/credits"])
def test_head_is_answered_like_get(owner, path):
    assert owner.client.head(path).status_code == 200


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x", "2026-01-01"]
)
def test_a_moment_that_is_none_is_no_error(owner, moment):
    assert owner.client.get("/jobs", {"before": moment}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_redirect_to_nonsense_is_a_fetch_that_failed(owner, httpserver: HTTPServer):
    httpserver.expect_request("/a.png").respond_with_data("", status=302, headers={"Location": "http://[::1"})
    job = make_job(owner, image=httpserver.url_for("/a.png"))
    execute.fetch_next()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "fetch_failed")


@pytest.mark.parametrize("command", ["worker -P solo -Q light", "beat --schedule {folder}/beat"])
def test_a_worker_does_not_start_unsafely(tmp_path, command):
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "LIPSYNCWEB_MODE": "production",
        "OUTBOUND_ALLOW_LOOPBACK": "on",
        "SITE_URL": "https://video.example.com",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "lipsyncweb", *command.format(folder=tmp_path).split()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 1
    assert "lipsyncweb.E001" in ran.stderr
    assert "lipsyncweb.E003" in ran.stderr


@pytest.mark.slow
def test_head_has_no_body_on_the_wire(tmp_path):
    """Over a kept connection: what follows HEAD must be the next answer, not the file."""
    from tests.live import LiveSite

    with LiveSite(tmp_path) as site:
        connection = http.client.HTTPConnection("localhost", site.port, timeout=30)
        for _twice in range(2):
            connection.request("HEAD", "/samples/portrait.png")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
            assert int(answer.headers["Content-Length"]) == 791_555
        connection.request("GET", "/api/v1/jobs/x")
        assert connection.getresponse().status == 401
        connection.close()


def test_strangers_do_not_crowd_out_what_is_held_against_a_guesser(owner):
    """Without a shared cache, Django's own bound of 300 entries let a flood of others open a locked account."""
    form = {"login": owner.user.email, "password": "wrong"}
    browser = Client()
    for _try in range(6):
        browser.post("/accounts/login/", form)
    for number in range(1000):
        cache.set(f"stranger:{number}", 1)
    browser.post("/accounts/login/", {**form, "password": PASSWORD})
    assert "_auth_user_id" not in browser.session
