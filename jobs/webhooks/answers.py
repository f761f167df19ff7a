"""What a receiver did with a delivery, as a stable word and a sentence for the people who run it."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.client import RemoteDisconnected
from urllib.parse import urljoin, urlsplit

from urllib3.exceptions import IncompleteRead

from lipsyncweb.http import outbound

ANSWER_KEPT = 1000  # characters
TARGET_KEPT = 500
GONE = 410
# Why an attempt failed. The first three are what an answer means, the rest why there was none.
CODES = (
    *("redirect", "gone", "bad_status"),
    *("bad_certificate", "no_such_name", "nobody_there", "cut_short", "no_answer"),
    *("timed_out", "url_not_allowed", "secret_unreadable", "internal_error"),
)


@dataclass(frozen=True)
class Attempted:
    """One try: the answer's status and beginning, or why there was none. `code` is empty for a success."""

    code: str
    error: str
    duration_ms: int
    status: int | None = None
    answer: str = ""
    retry_after: timedelta | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def answered(url: str, answer: outbound.Answer, *, duration_ms: int) -> Attempted:
    """Only 2xx is a success. A redirect is not followed, and names its target."""
    code, error = "", ""
    if answer.location:
        code, error = "redirect", f"The receiver redirects to {_target(url, answer.location)}."
    elif answer.status == GONE:
        code, error = "gone", "The receiver answered 410: this address wants no more webhooks."
    elif not 200 <= answer.status < 300:
        code, error = "bad_status", f"The receiver answered {answer.status}."
    return Attempted(
        code=code,
        error=error,
        duration_ms=duration_ms,
        status=answer.status,
        answer=_readable(answer.body)[:ANSWER_KEPT],
        retry_after=outbound.retry_after(answer.headers),
    )


def unanswered(url: str, error: outbound.OutboundError, *, duration_ms: int) -> Attempted:
    """No whole answer: the guard's own word for it, or what the network said."""
    code, sentence = error.code, error.sentence
    if code == outbound.FetchFailed.code:
        code, sentence = _network(urlsplit(url).netloc, error)
    return Attempted(code=code, error=sentence, duration_ms=duration_ms)


def _network(host: str, error: BaseException) -> tuple[str, str]:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "bad_certificate", f"The certificate of {host} is not valid: {cause.verify_message}."
        if isinstance(cause, ssl.SSLError):
            return "bad_certificate", f"{host} does not speak TLS as it should: {cause.reason}."
        if isinstance(cause, socket.gaierror):
            return "no_such_name", f"There is no address for {host}."
        if isinstance(cause, ConnectionRefusedError):
            return "nobody_there", f"Nobody listens at {host}."
        if isinstance(cause, ConnectionResetError | BrokenPipeError | RemoteDisconnected | IncompleteRead):
            return "cut_short", f"{host} closed the connection before its answer was whole."
    return "no_answer", f"{host} gave no answer that can be read."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, as far down as the network's own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _target(url: str, location: str) -> str:
    location = "".join(letter if letter.isprintable() else "\ufffd" for letter in location)[:TARGET_KEPT]
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def _readable(body: bytes) -> str:
    # PostgreSQL stores no NUL.
    return body.decode("utf-8", "replace").replace("\0", "\ufffd")
