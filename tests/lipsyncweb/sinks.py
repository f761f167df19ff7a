"""Listening sockets that count who comes, and a record of every address this process connects to."""

import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = Callable[[socket.socket], None]

_connected: list[tuple] = []
_installed = False


def _hook(event: str, arguments: tuple) -> None:
    if event == "socket.connect":
        _connected.append(arguments[1])


@contextmanager
def connections() -> Iterator[list[tuple]]:
    """All addresses that are connected to meanwhile, by any library: the interpreter itself reports them."""
    global _installed
    if not _installed:  # an audit hook cannot be taken out again
        sys.addaudithook(_hook)
        _installed = True
    _connected.clear()
    yield _connected


class Sink:
    """A TCP server on every loopback address; `answer` speaks for it, `seen` holds the heads of requests."""

    def __init__(self, answer: Answer):
        self.seen: list[bytes] = []
        self.visits = 0
        sink = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                sink.visits += 1
                self.request.settimeout(30)
                try:
                    sink.seen.append(read_request(self.request))
                    answer(self.request)
                except OSError:
                    return  # the client went away, which is what many tests are about

        class Server(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False

            def server_bind(self) -> None:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                super().server_bind()

        self._server = Server(("::", 0), Handler)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> "Sink":
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def read_request(connection: socket.socket) -> bytes:
    """Head and body of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def fixed(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "") -> Answer:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return lambda connection: connection.sendall(head.encode() + body)
