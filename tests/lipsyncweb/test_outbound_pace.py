"""Downloads that come too slowly to wait for."""

import io
import time

import pytest

from lipsyncweb.http.outbound import Pace, Policy, TimedOut, download
from tests.lipsyncweb.sinks import Sink

HOME = Policy(plain_http=False, loopback=True)


def sending(pieces: int, size: int, every: float):
    """Answers with so many pieces of `size` bytes, one `every` so many seconds."""

    def answer(connection):
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {pieces * size}\r\n\r\n".encode())
        for _piece in range(pieces):
            connection.sendall(bytes(size))
            time.sleep(every)

    return answer


def fetch(answer, **options):
    with Sink(answer) as opened:
        start = time.monotonic()
        try:
            return download(
                f"http://127.0.0.1:{opened.port}/",
                io.BytesIO(),
                policy=HOME,
                max_bytes=10**8,
                seconds=20,
                **options,
            ), time.monotonic() - start
        except TimedOut as error:
            return error, time.monotonic() - start


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (sending(1000, 1, 0.05), "did not answer in time"),
        (lambda connection: time.sleep(3), "did not answer in time"),
        (sending(100, 65_536, 0.4), "too slowly"),
    ],
    ids=["drip", "no answer", "slow"],
)
def test_a_slow_server_is_left_long_before_the_deadline(answer, words):
    error, seconds = fetch(answer, pace=Pace(1_000_000, grace=0.5))

    assert isinstance(error, TimedOut)
    assert error.code == "timed_out"
    assert words in error.sentence
    assert 0.4 < seconds < 2


def test_a_server_that_keeps_the_pace_has_longer_than_the_grace():
    found, seconds = fetch(sending(12, 65_536, 0.1), pace=Pace(200_000, grace=0.5))

    assert found.bytes == 12 * 65_536
    assert seconds > 1


def test_without_a_pace_only_the_deadline_counts():
    found, _seconds = fetch(sending(12, 10, 0.1))

    assert found.bytes == 120
