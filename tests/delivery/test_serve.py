"""The web server as a real process: where it listens, how many it holds, how it ends."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lipsyncweb.serve import loopback_sockets, sockets_for

ROOT = Path(__file__).resolve().parents[2]

# Serves on two free loopback sockets, prints its port, and at /slow waits for a line on stdin before it answers.
SCRIPT = """
import sys
from lipsyncweb import serve

def app(environ, start_response):
    size = 10
    if environ["PATH_INFO"] == "/slow":
        print("in flight", flush=True)
        sys.stdin.readline()
        size = 3_000_000
    start_response("200 OK", [("Content-Length", str(size))])
    return [b"x" * size]

sockets = serve.sockets_for(local=True, listen="", port=int(sys.argv[1]))
serve.serve(app, sockets=sockets)
print("clean end", flush=True)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Server:
    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(self.port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "the server did not listen"
                time.sleep(0.02)
            else:
                break

    def get(self, path="/", host="127.0.0.1") -> int:
        connection = http.client.HTTPConnection(host, self.port, timeout=20)
        connection.request("GET", path)
        size = len(connection.getresponse().read())
        connection.close()
        return size


@pytest.fixture
def server():
    each = Server()
    yield each
    each.process.kill()
    each.process.communicate()


@pytest.mark.slow
def test_local_mode_answers_on_both_loopback_addresses(server):
    assert server.get() == 10
    if has_ipv6():
        assert server.get(host="::1") == 10


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_request_in_flight_is_answered_in_full_before_the_end(server, signum):
    sizes = []
    client = threading.Thread(target=lambda: sizes.append(server.get("/slow")))
    client.start()
    assert server.process.stdout.readline() == "in flight\n"
    server.process.send_signal(signum)
    until_refused(server.port)
    server.process.stdin.write("\n")
    server.process.stdin.flush()
    client.join(timeout=20)
    assert sizes == [3_000_000]
    assert server.process.stdout.readline() == "clean end\n"
    assert server.process.wait(timeout=20) == 0


@pytest.mark.slow
def test_four_hundred_idle_connections_do_not_stop_it(server):
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(400)]
    try:
        assert server.get() == 10
    finally:
        for each in idle:
            each.close()


def test_taken_port_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        loopback_sockets(taken.getsockname()[1])


def test_production_listens_on_the_one_address_given():
    (only,) = sockets_for(local=False, listen="127.0.0.1", port=0)
    with only:
        assert only.getsockname()[0] == "127.0.0.1"


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def until_refused(port: int) -> None:
    """Return once the server takes no more connections: it has seen the signal."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionError:
            return
