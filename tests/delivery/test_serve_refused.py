"""What the web server refuses before the site sees it, said as the API says everything."""

import json
import socket
import subprocess
import sys

import pytest

from lipsyncweb.livesite import ROOT, free_port
from tests.live import until

SCRIPT = """
import sys
import django
from django.conf import settings
settings.configure()
django.setup()
from lipsyncweb import serve

def app(environ, start_response):
    start_response("204 No Content", [])
    return []

sockets = serve.sockets_for(local=True, listen="", port=int(sys.argv[1]))
serve.serve(app, sockets=sockets, max_request_body_size=1000)
"""


@pytest.fixture(scope="module")
def port():
    port = free_port()
    server = subprocess.Popen([sys.executable, "-c", SCRIPT, str(port)], cwd=ROOT)

    def answers() -> bool:
        try:
            return bool(exchange(port, "GET / HTTP/1.1"))
        except ConnectionRefusedError:
            return False

    try:
        until(answers, seconds=20)
        yield port
    finally:
        server.kill()
        server.wait()


def exchange(port: int, *lines: str, body: bytes = b"") -> tuple[str, str, bytes]:
    """Status, type and body of the answer to a request of these lines."""
    head = "\r\n".join([*lines, "Host: localhost", "Connection: close", "", ""])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    found, _separator, content = answer.partition(b"\r\n\r\n")
    status, *fields = found.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
    return status.split(" ", 2)[1], headers.get("content-type", ""), content


@pytest.mark.parametrize(
    ("length", "body"),
    [
        ("Content-Length: 5000", b""),
        ("Transfer-Encoding: chunked", b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"),
    ],
    ids=["announced", "in chunks"],
)
def test_a_body_larger_than_any_file_is_json_to_the_api_and_text_elsewhere(port, length, body):
    status, kind, content = exchange(port, "POST /api/v1/uploads HTTP/1.1", length, body=body)
    assert (status, kind) == ("413", "application/json")
    assert json.loads(content) == {"error": "The request is too large.", "code": "too_large", "fields": []}
    status, kind, content = exchange(port, "POST /upload HTTP/1.1", length, body=body)
    assert (status, kind) == ("413", "text/plain; charset=utf-8")


def test_a_body_in_broken_chunks_is_json_too(port):
    status, kind, content = exchange(
        port, "POST /api/v1/jobs HTTP/1.1", "Transfer-Encoding: chunked", body=b"zz\r\nx\r\n"
    )
    assert (status, kind, json.loads(content)["code"]) == ("400", "application/json", "bad_request")


def test_a_head_that_cannot_be_read_has_no_address(port):
    assert exchange(port, "GET /api/v1/jobs HTTP/1.1", "Content-Length: x")[0] == "400"
