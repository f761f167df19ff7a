"""Live sites whose leases are short, so that a lost worker is noticed within seconds, and speech that lasts."""

import os
import uuid
import wave

import kombu
import psycopg
import pytest

from jobs import samples
from tests.live import LiveSite

SHORT_LEASES = {"LEASE_SECONDS": "6", "LEASE_RENEW_SECONDS": "1", "SWEEP_SECONDS": "2"}
POSTGRES = os.environ.get("POSTGRES_URL", "postgres://lipsyncweb:lipsyncweb@127.0.0.1:5432/lipsyncweb")
BROKERS = {"redis": "redis://127.0.0.1:6379/9", "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//"}


@pytest.fixture
def site(tmp_path):
    with LiveSite(tmp_path, **SHORT_LEASES) as live:
        yield live


@pytest.fixture
def database():
    """A PostgreSQL database of its own."""
    name = f"lipsyncweb_live_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield POSTGRES.rsplit("/", 1)[0] + f"/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=sorted(BROKERS))
def broker(request):
    """A real broker with nothing waiting in the site's queues."""
    address = BROKERS[request.param]
    empty(address)
    return address


def empty(address: str) -> None:
    """Lose every message that waits."""
    with kombu.Connection(address) as connection:
        for name in ("render", "light"):
            queue = connection.SimpleQueue(name)
            queue.clear()
            queue.close()


@pytest.fixture
def grown_site(tmp_path, database, broker):
    """The same site by settings alone on PostgreSQL and a broker."""
    with LiveSite(tmp_path, DATABASE_URL=database, BROKER_URL=broker, **SHORT_LEASES) as live:
        yield live


@pytest.fixture
def long_speech(httpserver, tmp_path) -> str:
    """The address of the sample speech several times over: a render that can be interrupted."""
    path = tmp_path / "long.wav"
    with wave.open(str(samples.speech_path())) as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        frames = source.readframes(source.getnframes())
        for _ in range(8):
            target.writeframes(frames)
    httpserver.expect_request("/long.wav").respond_with_data(path.read_bytes())
    return httpserver.url_for("/long.wav")
