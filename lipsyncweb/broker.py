"""A message broker without a server: one file for each message, for the processes of one machine.

kombu's own transport over files writes under the final name, so that a consumer can take half a message, and
an unreadable file ends its worker (celery/kombu #1551). Here a message is written aside and renamed into its
queue, taken out by a rename that only one consumer can win, and set aside when it cannot be read. All folders
are inside one, so that every rename stays within one file system. A killed consumer loses what it held.
"""

import fcntl
import json
import os
import re
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from heapq import nsmallest
from pathlib import Path
from queue import Empty
from typing import Any, ClassVar

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual

ALIAS = "lipsyncfs"
POLL_SECONDS = 0.2
LOOK_AHEAD = 64  # names kept from one look into a queue's folder, since each look costs its whole length

_QUEUE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,200}")


def register() -> None:
    """Make the URL "lipsyncfs://" known to kombu and Celery."""
    TRANSPORT_ALIASES[ALIAS] = "lipsyncweb.broker:Transport"


def options(folder: Path) -> dict[str, str]:
    """The transport options that keep everything under `folder`."""
    messages = str(folder / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(folder / "control"),
    }


class Channel(filesystem.Channel):
    """Queues are folders, messages are files named by the time of their writing, in nanoseconds."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._seen: dict[str, deque[str]] = {}
        for folder in (self._aside, self._taken, self._broken, self.control_folder):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def _aside(self) -> Path:
        return Path(self.data_folder_out) / ".aside"

    @property
    def _taken(self) -> Path:
        return Path(self.data_folder_in) / ".taken"

    @property
    def _broken(self) -> Path:
        return Path(self.data_folder_in) / ".broken"

    def _folder(self, root: str, queue: str) -> Path:
        if not _QUEUE_NAME.fullmatch(queue):
            raise ChannelError(f"Invalid queue name: {queue!r}")
        return Path(root) / queue

    # Messages

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        folder = self._folder(self.data_folder_out, queue)
        name = f"{time.time_ns():020d}_{uuid.uuid4().hex}.msg"
        try:
            self._write(folder / name, payload)
        except FileNotFoundError:  # the first message of this queue, or its folder was cleared away
            folder.mkdir(parents=True, exist_ok=True)
            self._aside.mkdir(parents=True, exist_ok=True)
            self._write(folder / name, payload)

    def _write(self, path: Path, content: Any) -> None:
        """Write JSON to `path` such that nobody ever sees a part of it. Raises ChannelError, or
        FileNotFoundError when a folder is missing.
        """
        aside = self._aside / f"{uuid.uuid4().hex}.part"
        try:
            aside.write_text(json.dumps(content), encoding="utf-8")
            aside.rename(path)
        except OSError as error:
            with suppress(OSError):
                aside.unlink()
            if isinstance(error, FileNotFoundError):
                raise
            raise ChannelError(f"Cannot write {path}: {error}") from error

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        folder = self._folder(self.data_folder_in, queue)
        for name in self._names(queue, folder):
            taken = self._taken / name
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                # Another consumer was faster, or everything was cleared away under a running worker.
                self._taken.mkdir(parents=True, exist_ok=True)
                continue
            message = self._read(taken)
            if message is not None:
                taken.unlink()
                return message
            # Kept, so that somebody may look at it.
            self._broken.mkdir(parents=True, exist_ok=True)
            taken.rename(self._broken / name)
        raise Empty

    def _names(self, queue: str, folder: Path) -> Iterator[str]:
        """The names in a queue, oldest first, until a look into the folder finds it empty."""
        seen = self._seen.setdefault(queue, deque())
        while True:
            while seen:
                yield seen.popleft()
            seen.extend(nsmallest(LOOK_AHEAD, _messages(folder)))
            if not seen:
                return

    def _read(self, path: Path) -> dict[str, Any] | None:
        """The message in a file, or None when kombu could make nothing of it."""
        try:
            message = json.loads(path.read_bytes())
            properties = message["properties"]
            self.decode_body(message["body"], properties.get("body_encoding"))
            if not (
                isinstance(properties["delivery_tag"], str) and isinstance(properties["delivery_info"], dict)
            ):
                return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        return message

    def _size(self, queue: str) -> int:
        return sum(1 for _ in _messages(self._folder(self.data_folder_in, queue)))

    def _purge(self, queue: str) -> int:
        folder = self._folder(self.data_folder_in, queue)
        count = 0
        for name in list(_messages(folder)):
            try:
                (folder / name).unlink()
            except FileNotFoundError:
                continue
            count += 1
        return count

    # Bindings of exchanges to queues

    def get_table(self, exchange: str) -> list[filesystem.exchange_queue_t]:
        try:
            rows = json.loads(self._exchange_file(exchange).read_bytes())
            return [filesystem.exchange_queue_t(*row) for row in rows]
        except (FileNotFoundError, ValueError, TypeError):
            # Cleared away under a running process: what it has bound itself still holds.
            known = self.state.exchanges.get(exchange, {}).get("table", [])
            return [filesystem.exchange_queue_t(*(field or "" for field in row)) for row in known]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        self._folder(self.data_folder_in, queue).mkdir(parents=True, exist_ok=True)
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._locked():
            table = self.get_table(exchange)
            if row not in table or not self._exchange_file(exchange).exists():
                table = [other for other in table if other != row]
                self._write(self._exchange_file(exchange), [row, *table])

    def _delete(
        self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any
    ) -> None:
        self._purge(queue)
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._locked():
            table = self.get_table(exchange)
            if row in table:
                self._write(self._exchange_file(exchange), [other for other in table if other != row])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One binder at a time: reading a table and writing it again is not one step."""
        self.control_folder.mkdir(parents=True, exist_ok=True)
        with (self.control_folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    Channel = Channel
    polling_interval = POLL_SECONDS
    # What this process has declared, for each place; kombu has one for all and would skip the second's files.
    _states: ClassVar[dict[str, virtual.BrokerState]] = {}

    def __init__(self, client: Any, **kwargs: Any):
        super().__init__(client, **kwargs)
        folder = str(client.transport_options.get("control_folder", ""))
        self.state = self._states.setdefault(folder, virtual.BrokerState())

    @property
    def default_connection_params(self) -> dict[str, Any]:
        return {}  # kombu warns of each URL without a host where one has a default


def _messages(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.name.endswith(".msg"))
    except FileNotFoundError:
        return
