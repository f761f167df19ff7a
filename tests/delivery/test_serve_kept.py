"""A client that polls keeps its connection, through answers that have no body too."""

import http.client
import subprocess
import sys
from pathlib import Path

import pytest

from lipsyncweb.livesite import free_port
from tests.live import until

SCRIPT = """
import sys
from lipsyncweb import serve

def app(environ, start_response):
    start_response(environ["PATH_INFO"].strip("/") + " Status", [])
    return []

serve.serve(app, sockets=serve.sockets_for(local=True, listen="", port=int(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def port():
    port = free_port()
    root = Path(__file__).resolve().parents[2]
    server = subprocess.Popen([sys.executable, "-c", SCRIPT, str(port)], cwd=root)

    def answers():
        try:
            return ask(port, "/204")
        except ConnectionRefusedError:
            return None

    try:
        until(answers, seconds=20)
        yield port
    finally:
        server.terminate()
        server.wait()


def ask(port, *paths, **headers):
    """Ask one after another on one connection; for each the status, and whether the connection stayed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    found = []
    for path in paths:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        found.append((answer.status, connection.sock is not None))
        if connection.sock is None:
            break
    connection.close()
    return found


def test_an_answer_without_a_body_ends_no_connection(port):
    assert ask(port, "/304", "/204", "/304") == [(304, True), (204, True), (304, True)]


def test_a_client_that_wants_the_end_gets_it(port):
    assert ask(port, "/304", "/304", Connection="close") == [(304, False)]
