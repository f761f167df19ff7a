"""Turns at work that takes a processor for a while, within the web process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Threads of the web server that may be at such work of any kind or wait for it, in all and for one owner. The others
# go on serving pages (`lipsyncweb.serve.THREADS` has them all).
ALL = 5
EACH = 3


class NoTurn(Exception):
    """Others have the turns, or wait for one already."""


class Threads:
    """Those that are at work in turns of any kind or wait for them. A turn within another takes no second thread."""

    def __init__(self, most: int, each: int):
        self._most, self._each = most, each
        self._owners: dict[int, int] = {}  # of the thread
        self._lock = threading.Lock()

    @contextmanager
    def held(self, owner: int) -> Iterator[None]:
        """Raises NoTurn where this owner, or all together, have as many as they may."""
        thread = threading.get_ident()
        with self._lock:
            is_new = thread not in self._owners
            if is_new:
                theirs = sum(each == owner for each in self._owners.values())
                if len(self._owners) >= self._most or theirs >= self._each:
                    raise NoTurn
                self._owners[thread] = owner
        try:
            yield
        finally:
            if is_new:
                with self._lock:
                    del self._owners[thread]


_threads = Threads(ALL, EACH)


class Turns:
    """At most `at_once` turns, one for each owner. At most `waiting` threads wait for one; the others are sent away.

    Whoever waits holds a thread that could serve a page, so that a line of any length would stop the site.
    """

    def __init__(self, at_once: int, waiting: int, *, threads: Threads = _threads):
        self._threads = threads
        self._at_once, self._most_waiting = at_once, waiting
        self._owners: set[int] = set()
        self._waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, owner: int, *, seconds: float) -> Iterator[None]:
        """A turn of this owner's, after waiting for at most so long. Raises NoTurn."""
        with self._threads.held(owner):
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
