"""A whole site on PostgreSQL, and on each broker that a production site may use, with real servers.

Where they are: POSTGRES_URL, REDIS_URL, AMQP_URL. A server that does not answer is a failure, not a skip.
"""

import os
import uuid

import psycopg
import pytest
from psycopg import sql

from lipsyncweb.livesite import LiveSite
from tests.live import ApiClient

POSTGRES_URL = os.environ.get("POSTGRES_URL", "postgres://lipsyncweb:lipsyncweb@127.0.0.1:5432/lipsyncweb")
BROKERS = {
    "redis": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/9"),
    "rabbitmq": os.environ.get("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


@pytest.fixture
def database_url():
    """A database of its own, dropped at the end."""
    name = f"lipsyncweb_live_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield f"{POSTGRES_URL.rsplit('/', 1)[0]}/{name}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize("broker", BROKERS)
def test_site_on_postgresql_renders_through_the_broker(tmp_path, database_url, broker):
    with LiveSite(tmp_path, DATABASE_URL=database_url, BROKER_URL=BROKERS[broker]) as site:
        client = ApiClient(site.url, site.issue_key("client@example.com"))
        job = client.wait(client.submit(), seconds=120)
        assert job["status"] == "completed"
        assert "Every balance" in site.manage("reconcile")
    assert not (tmp_path / "db.sqlite3").exists()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM jobs_job WHERE state = 'completed'").fetchone() == (
            1,
        )
