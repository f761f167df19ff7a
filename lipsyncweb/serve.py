"""The web server: `python -m lipsyncweb.serve`. One process and eight threads, with or without a proxy before it.

waitress reads and writes slow clients outside its threads: beside 40 slow uploads it went on answering, which
threaded servers did not. Local mode listens on loopback alone; production where LISTEN says (127.0.0.1).
"""

import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

THREADS = 8
DRAIN_SECONDS = 4  # below the eight that the supervisor waits before it kills


def loopback_sockets(port: int) -> list[socket.socket]:
    """Return listening-ready sockets on 127.0.0.1 and, where the machine has it, ::1. Raises OSError: port taken."""
    sockets = [_bound(socket.AF_INET, "127.0.0.1", port)]
    try:
        sockets.append(_bound(socket.AF_INET6, "::1", port))
    except OSError:
        if _has_ipv6():
            sockets[0].close()
            raise
    return sockets


def _has_ipv6() -> bool:
    try:
        _bound(socket.AF_INET6, "::1", 0).close()
    except OSError:
        return False
    return True


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    # Without it a restart within a minute would find the port taken by its own finished connections.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def sockets_for(*, local: bool, listen: str, port: int) -> list[socket.socket]:
    """Return the sockets to serve: loopback in local mode, the address `listen` otherwise."""
    if local:
        return loopback_sockets(port)
    family = socket.getaddrinfo(listen, port, type=socket.SOCK_STREAM)[0][0]
    return [_bound(family, listen, port)]


class _Task(WSGITask):
    """waitress ends a connection after an answer without a body (204, 304), since it has no length either. It needs
    none, and a client that polls would have to connect anew for each "nothing has changed"."""

    _needs_no_length = False

    def build_response_header(self) -> bytes:
        stays = self.request.headers.get("CONNECTION", "").lower() != "close"
        self._needs_no_length = not self.has_body and self.version == "1.1" and stays
        try:
            return super().build_response_header()
        finally:
            self._needs_no_length = False

    def set_close_on_finish(self) -> None:
        if not self._needs_no_length:
            super().set_close_on_finish()


class _ErrorTask(ErrorTask):
    """What waitress refuses by itself, such as a body that is larger than any file. To a client of the API it says so
    as the API does."""

    def execute(self) -> None:
        if getattr(self.request, "path", "").startswith("/api/"):
            self.request.error = _ApiRefusal(self.request.error)
        super().execute()


class _ApiRefusal:
    def __init__(self, error: Error):
        self.error = error

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        from jobs.api.errors import answer_status

        status, _headers, _body = self.error.to_response(ident)
        answer = answer_status(self.error.code)
        return status, [("Content-Type", answer["Content-Type"])], answer.content


class _Channel(HTTPChannel):
    task_class = _Task
    error_task_class = _ErrorTask


def serve(application: Any, *, sockets: list[socket.socket], **adjustments: Any) -> None:
    """Serve until SIGTERM or SIGINT; then take no more requests and finish those that are under way."""
    servers: dict[int, Any] = {}  # waitress' own map: listeners and connections by descriptor
    server = create_server(
        application,
        map=servers,
        sockets=sockets,
        threads=THREADS,
        connection_limit=2000,  # at the default of 100, 150 idle sockets stop the site
        asyncore_use_poll=True,  # select() ends at 1024 descriptors
        ident=None,
        **adjustments,
    )
    listeners = [each for each in servers.values() if isinstance(each, BaseWSGIServer)]
    for listener in listeners:
        listener.channel_class = _Channel
    stopping = threading.Event()

    def stop(signum: int, frame: Any) -> None:
        stopping.set()
        for listener in listeners:
            listener.pull_trigger()  # wakes the loop, which would otherwise sleep on

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not stopping.is_set():
        wasyncore.loop(timeout=1, use_poll=True, map=servers, count=1)
    for listener in listeners:
        listener.accepting = False
        listener.socket.close()
        listener.del_channel(servers)
    _finish(servers)
    server.task_dispatcher.shutdown(timeout=1)
    wasyncore.close_all(servers, ignore_all=True)


def _finish(servers: dict[int, Any]) -> None:
    """Run the loop until every answer has left, or DRAIN_SECONDS have passed."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        channels = [each for each in servers.values() if isinstance(each, HTTPChannel)]
        if not any(each.requests or each.total_outbufs_len for each in channels):
            return
        wasyncore.loop(timeout=0.05, use_poll=True, map=servers, count=1)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lipsyncweb.settings")
    from django.conf import settings

    from lipsyncweb.wsgi import application

    try:
        sockets = sockets_for(
            local=settings.LOCAL, listen=os.environ.get("LISTEN", "127.0.0.1"), port=settings.PORT
        )
    except OSError as error:
        sys.stderr.write(
            f"Port {settings.PORT} cannot be used: {error.strerror}. Choose another with PORT.\n"
        )
        return 1
    serve(
        application,
        sockets=sockets,
        # The largest upload and the rest of its form; Django's own limits are below it.
        max_request_body_size=max(
            settings.MEDIA_MAX_IMAGE_BYTES, settings.MEDIA_MAX_AUDIO_BYTES, settings.MEDIA_MAX_VIDEO_BYTES
        )
        + 1_000_000,
        # Without a proxy that the operator named, X-Forwarded-* is anyone's to write and never reaches the site.
        clear_untrusted_proxy_headers=not settings.ALLAUTH_TRUSTED_PROXY_COUNT,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
