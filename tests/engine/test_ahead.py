"""A stage of a stream in a thread of its own."""

import threading
from collections.abc import Generator

import pytest

from jobs.engine.ahead import ahead


def test_gives_every_item_in_order_from_another_thread():
    names = []

    def items() -> Generator[int]:
        names.append(threading.current_thread().name)
        yield from range(20)

    assert list(ahead(items(), 3)) == list(range(20))
    assert names != [threading.current_thread().name]


def test_works_no_further_ahead_than_it_may():
    made: list[int] = []
    reached = threading.Event()

    def items() -> Generator[int]:
        for k in range(100):
            made.append(k)
            if k == 3:
                reached.set()
            yield k

    stream = ahead(items(), 2)
    assert next(stream) == 0
    assert reached.wait(5)  # one read, two waiting, one in hand
    assert len(made) <= 4
    stream.close()


def test_raises_what_the_stage_raises_after_what_came_before():
    def items() -> Generator[int]:
        yield 1
        raise ValueError("broken")

    stream = ahead(items(), 2)
    assert next(stream) == 1
    with pytest.raises(ValueError, match="broken"):
        next(stream)


def test_closing_ends_the_stage_and_its_thread():
    ended = threading.Event()

    def items() -> Generator[int]:
        try:
            while True:
                yield 0
        finally:
            ended.set()

    before = threading.active_count()
    stream = ahead(items(), 2)
    next(stream)
    stream.close()
    assert ended.is_set()
    assert threading.active_count() == before
