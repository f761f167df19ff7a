"""How often a key may ask, and how often an address may try keys that are none."""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.test import Client
from django.urls import reverse

from accounts import audit, keys
from jobs.api import limits

pytestmark = pytest.mark.django_db

URL = "/api/v1/jobs"
GUESS = {"Authorization": "Bearer sk_guess"}


class Down(BaseCache):
    """A shared cache that cannot be reached."""

    def __init__(self, name, params):
        super().__init__(params)

    def incr(self, key, delta=1, version=None):
        raise ConnectionError("nobody there")

    get = add = incr


@pytest.fixture(autouse=True)
def _mid_minute(monkeypatch):
    """No minute ends in the middle of a test."""
    monkeypatch.setattr(time, "time", lambda: Clock.now)
    Clock.now = 1_900_000_000.0
    limits._Shared.down_until = 0.0


class Clock:
    now = 0.0


def statuses(count, headers, **extra):
    return [Client().get(URL, headers=headers, **extra).status_code for _time in range(count)]


def test_every_answer_tells_where_the_key_stands(owner, client, settings):
    settings.API_REQUESTS_PER_MINUTE = 5
    first = client.get(URL, headers=owner.headers)
    missing = client.get(f"{URL}/nothing", headers=owner.headers)
    assert first["RateLimit-Policy"] == missing["RateLimit-Policy"] == '"key";q=5;w=60'
    left = [re.fullmatch(r'"key";r=(\d+);t=(\d+)', each["RateLimit"]) for each in (first, missing)]
    assert [int(each.group(1)) for each in left] == [4, 3]
    assert all(1 <= int(each.group(2)) <= 60 for each in left)


def test_one_too_many_is_429_until_the_minute_is_over(owner, stranger, client, settings):
    settings.API_REQUESTS_PER_MINUTE = 3
    assert statuses(3, owner.headers) == [200] * 3
    refused = client.get(URL, headers=owner.headers)
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    wait = int(refused["Retry-After"])
    assert refused["RateLimit"] == f'"key";r=0;t={wait}'
    assert statuses(1, stranger.headers) == [200]
    Clock.now += wait - 1
    assert statuses(1, owner.headers) == [429]
    Clock.now += 1
    assert statuses(1, owner.headers) == [200]


def test_a_submit_over_the_limit_makes_no_job(owner, client, settings):
    settings.API_REQUESTS_PER_MINUTE = 1
    client.get(URL, headers=owner.headers)
    answer = client.post("/api/v1/lipsync-image", "{}", "application/json", headers=owner.headers)
    assert answer.status_code == 429


def test_no_limit_is_no_header(owner, client, settings):
    settings.API_REQUESTS_PER_MINUTE = 0
    assert "RateLimit" not in client.get(URL, headers=owner.headers)


def test_only_the_api_is_counted(owner, client):
    assert "RateLimit" not in owner.client.get(reverse("history"), headers=owner.headers)
    assert "RateLimit" not in client.get("/api/v1/openapi.json")


def test_counting_costs_no_query(owner, client, django_assert_num_queries):
    client.get(f"{URL}/00000000-0000-4000-8000-000000000000", headers=owner.headers)
    with django_assert_num_queries(2):
        client.get(f"{URL}/00000000-0000-4000-8000-000000000000", headers=owner.headers)


def test_requests_at_once_are_all_counted(owner, settings):
    settings.API_REQUESTS_PER_MINUTE = 1000
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda _n: limits._count("key:threads", "key", 1000).used, range(400)))
    assert sorted(counted) == list(range(1, 401))


def test_guessing_is_limited_by_address(owner, client, settings):
    settings.API_WRONG_KEYS_PER_MINUTE = 4
    assert statuses(5, GUESS) == [401] * 4 + [429]
    refused = client.get(URL, headers=GUESS)
    assert refused["RateLimit-Policy"] == '"address";q=4;w=60'
    assert int(refused["Retry-After"]) > 0
    assert statuses(1, GUESS, REMOTE_ADDR="203.0.113.9") == [401]
    Clock.now += 60
    assert statuses(1, GUESS) == [401]


def test_a_good_key_is_not_held_up_by_its_neighbours(owner, settings):
    """Were it the first time that this process sees it."""
    settings.API_WRONG_KEYS_PER_MINUTE = 2
    assert statuses(3, GUESS) == [401, 401, 429]
    assert statuses(1, owner.headers) == [200]
    keys.revoke(key=owner.key, actor=None, who=audit.UNRECORDED)
    assert statuses(1, owner.headers) == [429]
    assert statuses(2, owner.headers, REMOTE_ADDR="203.0.113.9") == [401] * 2


def test_noise_costs_no_query_and_a_well_made_guess_one_however_often(
    owner, settings, client, django_assert_num_queries
):
    settings.API_WRONG_KEYS_PER_MINUTE = 1
    gone = {"Authorization": f"Bearer {owner.secret}"}
    type(owner.key).objects.filter(pk=owner.key.pk).delete()
    for _time in range(2):
        with django_assert_num_queries(0):
            client.get(URL, headers=GUESS)
        with django_assert_num_queries(1):
            client.get(URL, headers=gone)


def test_addresses_of_one_ipv6_network_guess_together(settings):
    settings.API_WRONG_KEYS_PER_MINUTE = 2
    tried = [statuses(1, GUESS, REMOTE_ADDR=f"2001:db8::{number}") for number in range(1, 5)]
    assert tried == [[401], [401], [429], [429]]
    assert statuses(1, GUESS, REMOTE_ADDR="2001:db8:0:1::1") == [401]


def test_a_proxy_that_is_not_trusted_does_not_choose_the_address(settings):
    settings.API_WRONG_KEYS_PER_MINUTE = 2
    tried = [statuses(1, {**GUESS, "X-Forwarded-For": f"198.51.100.{number}"}) for number in range(4)]
    assert tried == [[401], [401], [429], [429]]


def test_while_the_shared_cache_is_down_each_process_counts_by_itself(owner, settings, caplog):
    settings.CACHES = {**settings.CACHES, "default": {"BACKEND": f"{__name__}.Down"}}
    settings.API_REQUESTS_PER_MINUTE = 2
    assert statuses(3, owner.headers) == [200, 200, 429]
    assert len([line for line in caplog.messages if "counts by itself" in line]) == 1  # not one a request


@pytest.mark.services
def test_two_processes_share_one_count(owner, settings, unused_port):
    server = subprocess.Popen(
        ["redis-server", "--port", str(unused_port), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{unused_port}/0"
    count = (
        "import os, django; django.setup(); import time; time.time = lambda: 1900000000.0\n"
        "from jobs.api import limits; print(limits._count('key:shared', 'key', 9).used)"
    )
    env = {"PATH": "/usr/bin", "DJANGO_SETTINGS_MODULE": "lipsyncweb.settings", "CACHE_URL": url}
    env |= {"DATA_DIR": str(settings.DATA_DIR), "PYTHONPATH": str(settings.BASE_DIR)}
    try:
        until = time.monotonic() + 10
        redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
        settings.CACHES = {**settings.CACHES, "default": redis}
        while True:
            try:
                caches["default"].get("anything")
                break
            except Exception:  # noqa: BLE001 - the client has failures of its own
                assert time.monotonic() < until
                time.sleep(0.05)
        assert limits._count("key:shared", "key", 9).used == 1
        other = subprocess.run(
            [sys.executable, "-c", count], env=env, capture_output=True, text=True, check=True
        )
        assert other.stdout.strip() == "2"
        assert limits._count("key:shared", "key", 9).used == 3
    finally:
        caches["default"].close()
        server.terminate()
        server.wait()
