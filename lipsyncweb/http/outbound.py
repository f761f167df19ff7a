"""Requests to addresses that strangers name: media to fetch, webhooks to call.

The whole rule is applied where the socket opens: the name is looked up once, every address it has must be
allowed, and the connection goes to one of those addresses, with the name kept for Host and TLS. So it does
not matter how a URL was parsed before, or what a second look-up would say. No proxy or other setting of the
environment is used. One deadline covers look-up, connection, answer and body.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urljoin

import requests
from django.conf import settings
from django.utils.translation import gettext as _
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from lipsyncweb.http.addresses import Address, is_loopback, is_public
from lipsyncweb.http.retry import retry_after
from lipsyncweb.http.rules import (
    FetchFailed,
    OutboundError,
    Policy,
    Refused,
    TimedOut,
    TooLarge,
    as_literal,
    check_address,
    refused,
)

__all__ = [
    "Answer",
    "Client",
    "Downloaded",
    "FetchFailed",
    "OutboundError",
    "Pace",
    "Policy",
    "Refused",
    "TimedOut",
    "TooLarge",
    "check_address",
    "download",
    "get",
    "policy_from_settings",
    "post",
    "retry_after",
]

CHUNK = 64 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
USER_AGENT = "lipsyncweb"

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Downloaded:
    final_url: str
    content_type: str
    bytes: int


@dataclass(frozen=True)
class Answer:
    """Any answer, whatever its status. Header names are in lower case; `body` is its beginning."""

    status: int
    headers: dict[str, str]
    body: bytes
    location: str  # of a redirect, which is not followed; else empty


@dataclass(frozen=True)
class Pace:
    """How slow a file may come: `rate` bytes a second in the mean, after `grace` seconds to begin in; 0 for any."""

    rate: int
    grace: float = 15.0


ANY_PACE = Pace(0)


def policy_from_settings() -> Policy:
    return Policy(plain_http=settings.OUTBOUND_ALLOW_HTTP, loopback=settings.OUTBOUND_ALLOW_LOOPBACK)


def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Client:
    """Makes guarded requests. `resolve` gives the addresses of a name, `verify` is as in `requests`."""

    def __init__(self, policy: Policy, *, resolve: Resolve = look_up, verify: bool | str = True):
        self._policy = policy
        self._resolve = resolve
        self._verify = verify

    def download(
        self,
        url: str,
        target: BinaryIO,
        *,
        max_bytes: int,
        seconds: float,
        max_redirects: int = 3,
        pace: Pace = ANY_PACE,
    ) -> Downloaded:
        with _Deadline(seconds, pace) as deadline:
            for _hop in range(max_redirects + 1):
                with self._send("GET", url, b"", {}, deadline) as response:
                    if response.status_code in REDIRECTS and response.headers.get("Location"):
                        url = _target(response)
                        continue
                    return _save(response, target, max_bytes, deadline)
        raise FetchFailed(_("The address redirects more than %d times. Use the final one.") % max_redirects)

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        read_bytes: int,
    ) -> Answer:
        with _Deadline(seconds) as deadline:
            try:
                with self._send(method, url, body, headers, deadline) as response:
                    return _answer(response, read_bytes, deadline)
            except OutboundError as error:
                error.sent = deadline.connected
                raise

    def _send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], deadline: "_Deadline"
    ) -> requests.Response:
        """Send one request. Goes through the adapter alone: a session would read the bodies of redirects."""
        url = check_address(url, self._policy)
        own = {
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        with _on_the_wire(deadline, url):
            prepared = requests.Request(method, url, data=body or None, headers={**own, **headers}).prepare()
            adapter = _Adapter(lambda host, port: self._dial(host, port, deadline))
            return adapter.send(
                prepared, stream=True, timeout=deadline.longest(), verify=self._verify, proxies={}
            )

    def _dial(self, host: str, port: int, deadline: "_Deadline") -> socket.socket:
        """Connect to an address of `host`, once all of them have passed."""
        failure: OSError = OSError(f"{host} has no address")
        for address in self._allowed(host.strip("[]").rstrip("."), port, deadline):
            try:
                connected = socket.create_connection((str(address), port), timeout=deadline.remaining())
            except OSError as error:
                failure = error
                continue
            deadline.watch(connected)
            deadline.connected = True
            return connected
        raise failure

    def _allowed(self, name: str, port: int, deadline: "_Deadline") -> list[Address]:
        """All addresses of a name. Raises Refused when one of them is not allowed."""
        literal = as_literal(name)
        if literal is not None:
            addresses = [literal]
        else:
            found = _within(deadline, lambda: self._resolve(name, port))
            addresses = [ipaddress.ip_address(text) for text in found]
        # A name that merely resolves to loopback is not home: it may belong to anybody.
        home = self._policy.loopback and (literal is not None or name == "localhost")
        for address in addresses:
            public = is_public(address) and name != "localhost"
            trusted = self._policy.trusts(name, port)
            if not public and not trusted and not (home and is_loopback(address)):
                raise refused(name)
        return addresses


def _answer(response: requests.Response, read_bytes: int, deadline: "_Deadline") -> Answer:
    content = b""
    for chunk in _chunks(response, read_bytes, deadline):
        content += chunk
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=content,
        location=response.headers.get("Location", "") if 300 <= response.status_code < 400 else "",
    )


def _target(response: requests.Response) -> str:
    try:
        return urljoin(response.url, response.headers["Location"])
    except ValueError as error:
        raise FetchFailed(_("The address redirects to one that is not valid. Use the final one.")) from error


def download(
    url: str,
    target: BinaryIO,
    *,
    policy: Policy,
    max_bytes: int,
    seconds: float,
    max_redirects: int = 3,
    pace: Pace = ANY_PACE,
) -> Downloaded:
    """Fetch a file. Each redirect is judged like the first address. Raises OutboundError."""
    return Client(policy).download(
        url, target, max_bytes=max_bytes, seconds=seconds, max_redirects=max_redirects, pace=pace
    )


def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    policy: Policy,
    seconds: float,
    read_bytes: int = CHUNK,
) -> Answer:
    """Send a body. Redirects are answers and are not followed. Raises OutboundError when there is no answer."""
    return Client(policy).request(
        "POST", url, body=body, headers=headers, seconds=seconds, read_bytes=read_bytes
    )


def get(
    url: str, *, headers: Mapping[str, str], policy: Policy, seconds: float, read_bytes: int = CHUNK
) -> Answer:
    """As `post`, without a body."""
    return Client(policy).request(
        "GET", url, body=b"", headers=headers, seconds=seconds, read_bytes=read_bytes
    )


def _save(response: requests.Response, target: BinaryIO, max_bytes: int, deadline: "_Deadline") -> Downloaded:
    host = parse_url(response.url).host
    if not 200 <= response.status_code < 300:
        answer = {"host": host, "status": response.status_code}
        raise FetchFailed(_("%(host)s answered with status %(status)d. Check the address.") % answer)
    # One byte more than is allowed is asked for, to see whether there is one.
    size = 0
    stated = response.headers.get("Content-Length", "")
    if not (stated.isdigit() and int(stated) > max_bytes):
        for chunk in _chunks(response, max_bytes + 1, deadline):
            size += len(chunk)
            deadline.came(size)
            if size <= max_bytes:
                target.write(chunk)
        if size <= max_bytes:
            return Downloaded(response.url, response.headers.get("Content-Type", ""), size)
    limit = {"host": host, "limit": max_bytes / 1e6}
    raise TooLarge(_("The file at %(host)s is larger than %(limit).0f MB. Use a smaller one.") % limit)


def _chunks(response: requests.Response, most: int, deadline: "_Deadline") -> Iterator[bytes]:
    """The first `most` bytes of a body as they were sent, not decompressed."""
    left = most
    while left > 0:
        with _on_the_wire(deadline, response.url):
            chunk = response.raw.read(min(CHUNK, left), decode_content=False)
            deadline.remaining()  # a connection that was cut looks like the end of a body
        if not chunk:
            return
        left -= len(chunk)
        yield chunk


def _within(deadline: "_Deadline", call: Callable[[], list[str]]) -> list[str]:
    """The result of a call that takes no timeout; when it takes too long, its thread is left to itself."""
    result: Future[list[str]] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return result.result(timeout=deadline.remaining())


class _Deadline:
    """Cuts the connection when the time is over, whatever is being waited for on it.

    A socket's own timeout starts anew with each byte, so a slow drip would hold it for ever. With a pace the end is
    near at first, and moves on with what comes.
    """

    def __init__(self, seconds: float, pace: Pace = ANY_PACE):
        self._start, self._pace = time.monotonic(), pace
        self._last = self._start + seconds
        self._end = min(self._last, self._start + pace.grace) if pace.rate else self._last
        self._over = threading.Event()
        self._watched: list[tuple[threading.Thread, socket.socket]] = []
        self.connected = False
        self.begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread, duplicate in self._watched:
            thread.join()
            duplicate.close()

    def came(self, size: int) -> None:
        """Note that so many bytes have come in all."""
        self.begun = True
        if self._pace.rate:
            self._end = min(self._last, self._start + self._pace.grace + size / self._pace.rate)

    def remaining(self) -> float:
        """Seconds left, more than 0. Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def longest(self) -> float:
        """Seconds left at any pace, more than 0. Raises TimeoutError."""
        self.remaining()
        return self._last - time.monotonic()

    def watch(self, connected: socket.socket) -> None:
        # TLS takes the descriptor of the socket that it wraps; a duplicate still reaches the connection.
        duplicate = connected.dup()
        thread = threading.Thread(target=self._cut_at_the_end, args=[duplicate], daemon=True)
        self._watched.append((thread, duplicate))
        thread.start()

    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def is_too_slow(self) -> bool:
        """Whether it is over because too little came in the time that passed."""
        return self.begun and self._end < self._last and self.is_over()

    def _cut_at_the_end(self, duplicate: socket.socket) -> None:
        while not self._over.wait(max(0.0, self._end - time.monotonic())):
            if self.is_over():
                _cut(duplicate)
                return


@contextmanager
def _on_the_wire(deadline: _Deadline, url: str) -> Iterator[None]:
    """Turn whatever goes wrong meanwhile into one of our errors."""
    try:
        yield
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        host = {"host": parse_url(url).host}
        if deadline.is_too_slow():
            sentence = _("%(host)s sends the file too slowly. Upload it instead, or use a faster server.")
            raise TimedOut(sentence % host) from error
        if deadline.is_over() or isinstance(error, (TimeoutError, requests.Timeout)):
            raise TimedOut(_("%(host)s did not answer in time. Try again later.") % host) from error
        raise FetchFailed(
            _("%(host)s could not be reached. Check the address and that it answers.") % host
        ) from error


def _cut(duplicate: socket.socket) -> None:
    try:
        duplicate.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster


class _PlainConnection(HTTPConnection):
    def __init__(self, *args: Any, dial: Callable[[str, int], socket.socket], **options: Any):
        super().__init__(*args, **options)
        self._dial = dial

    def _new_conn(self) -> socket.socket:
        return self._dial(self.host, self.port)


class _SecureConnection(HTTPSConnection):
    def __init__(self, *args: Any, dial: Callable[[str, int], socket.socket], **options: Any):
        super().__init__(*args, **options)
        self._dial = dial

    def _new_conn(self) -> socket.socket:
        return self._dial(self.host, self.port)


class _Adapter(HTTPAdapter):
    """An adapter whose connections are opened by `dial`. For one request."""

    def __init__(self, dial: Callable[[str, int], socket.socket]):
        super().__init__(max_retries=0)
        self._dial = dial

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies=None, cert=cert)
        connection = _SecureConnection if pool.scheme == "https" else _PlainConnection
        pool.ConnectionCls = lambda *args, **options: connection(*args, dial=self._dial, **options)
        return pool
