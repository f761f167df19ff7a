"""Webhooks of a whole site: a worker that is killed in the middle, and receivers that never answer."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.lipsyncweb.sinks import Sink, fixed
from tests.live import ApiClient, LiveSite, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
TIMEOUT = 8


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[LiveSite]:
    with LiveSite(tmp_path_factory.mktemp("webhooks"), WEBHOOK_TIMEOUT_SECONDS=str(TIMEOUT)) as live:
        yield live


def send(client: ApiClient, sink: Sink) -> str:
    """Send a test to this receiver; returns the delivery's id."""
    url = f"{client.url}/api/v1/webhooks/test"
    answer = client.session.post(url, json={"url": f"http://localhost:{sink.port}/hook"}, timeout=30)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def delivery(client: ApiClient, name: str) -> dict:
    return client.session.get(f"{client.url}/api/v1/webhooks/deliveries/{name}", timeout=30).json()


def test_a_killed_worker_is_followed_by_an_attempt_that_arrives(site):
    killed = threading.Event()

    def answer(connected: socket.socket) -> None:
        if killed.is_set():
            fixed()(connected)
        else:
            time.sleep(TIMEOUT * 2)

    client = site.client("killed@example.com")
    with Sink(answer) as sink:
        name = send(client, sink)
        until(lambda: sink.visits, seconds=20)
        site.kill("celery", "worker", "light")
        killed.set()
        until(lambda: delivery(client, name)["status"] == "delivered", seconds=120)
        assert sink.visits == 2
    first, second = delivery(client, name)["log"]
    assert (first["number"], first["durationMs"], first["status"]) == (1, None, None)
    assert (second["number"], second["status"]) == (2, 200)
    # Not before the first one could have ended: never two at a time.
    between = datetime.fromisoformat(second["at"]) - datetime.fromisoformat(first["at"])
    assert between.total_seconds() > TIMEOUT * 2
    assert (
        len({line for head in sink.seen for line in head.splitlines() if line.startswith(b"webhook-id")}) == 1
    )


def test_receivers_that_never_answer_delay_no_other(site):
    held, held_then = [], []

    def silent(connected: socket.socket) -> None:
        held.append(connected)
        try:
            connected.recv(1)  # until the site hangs up
        finally:
            held.remove(connected)

    def answer(connected: socket.socket) -> None:
        held_then.append(len(held))
        fixed()(connected)

    client = site.client("sound@example.com")
    dead = [site.client(f"dead{number}@example.com") for number in range(3)]
    with Sink(answer) as sound:
        sinks = [Sink(silent) for _ in range(9)]
        try:
            for number, sink in enumerate(sinks):
                sink.__enter__()
                send(dead[number // 3], sink)
            until(lambda: sum(sink.visits for sink in sinks) >= 6, seconds=20)
            name = send(client, sound)
            until(lambda: delivery(client, name)["status"] == "delivered", seconds=20)
        finally:
            for sink in sinks:
                sink.__exit__()
    assert held_then[0] >= 1  # it was served while others had not been given up
