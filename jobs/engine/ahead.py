"""One stage of a stream in a thread of its own, a few items ahead of the next stage."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

LOOK = 0.1  # seconds between two looks at whether anybody still waits


def ahead(items: Generator[T], size: int) -> Iterator[T]:
    """The same items in the same order, worked out by another thread, at most `size` of them in advance.

    What `items` raises is raised here. Closing this closes `items` too, in the thread that runs it.
    """
    box: queue.Queue[tuple[bool, Any]] = queue.Queue(size)
    stopped = threading.Event()

    def put(more: bool, value: Any) -> None:
        while not stopped.is_set():
            try:
                box.put((more, value), timeout=LOOK)
            except queue.Full:
                continue
            return

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                put(True, item)
                if stopped.is_set():
                    break
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the items are read
            error = raised
        items.close()
        put(False, error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while True:
            more, value = box.get()
            if not more:
                if value is not None:
                    raise value
                return
            yield value
    finally:
        stopped.set()
        worker.join()
