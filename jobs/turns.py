"""Turns at work that takes a processor for a while, within the web process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class NoTurn(Exception):
    """Others have the turns, or wait for one already."""


class Turns:
    """At most `at_once` turns, one for each owner. At most `waiting` threads wait for one; the others are sent away.

    Whoever waits holds a thread that could serve a page, so that a line of any length would stop the site.
    """

    def __init__(self, at_once: int, waiting: int):
        self._at_once, self._most_waiting = at_once, waiting
        self._owners: set[int] = set()
        self._waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, owner: int, *, seconds: float) -> Iterator[None]:
        """A turn of this owner's, after waiting for at most so long. Raises NoTurn."""
        self._take(owner, seconds)
        try:
            yield
        finally:
            with self._changed:
                self._owners.remove(owner)
                self._changed.notify_all()

    def _take(self, owner: int, seconds: float) -> None:
        with self._changed:
            if not self._is_free(owner):
                self._wait(owner, seconds)
            self._owners.add(owner)

    def _wait(self, owner: int, seconds: float) -> None:
        if self._waiting >= self._most_waiting:
            raise NoTurn
        self._waiting += 1
        try:
            if not self._changed.wait_for(lambda: self._is_free(owner), seconds):
                raise NoTurn
        finally:
            self._waiting -= 1

    def _is_free(self, owner: int) -> bool:
        return owner not in self._owners and len(self._owners) < self._at_once
