"""A producer or consumer of its own: `python -m tests.lipsyncweb.broker_peer produce|consume|hold FOLDER ...`."""

import sys
import time
from pathlib import Path

from kombu import Connection, Exchange, Producer, Queue

from lipsyncweb import broker

QUEUE = Queue("light", Exchange("light"), routing_key="light")


def connect(folder: Path) -> Connection:
    broker.register()
    return Connection("lipsyncfs://", transport_options=broker.options(folder))


def publish(connection: Connection, words: list[str]) -> None:
    with connection.channel() as channel:
        producer = Producer(channel, serializer="json")
        for word in words:
            producer.publish(word, exchange=QUEUE.exchange, routing_key="light", declare=[QUEUE])


def consume(connection: Connection, *, prefetch: int, on_message, until) -> None:
    """Take messages until `until()` is true and nothing has come for a while."""
    with connection.Consumer(QUEUE, callbacks=[on_message], accept=["json"], prefetch_count=prefetch):
        while True:
            try:
                connection.drain_events(timeout=0.5)
            except TimeoutError:
                if until():
                    return


def main(role: str, folder: Path, name: str, amount: int) -> None:
    def write(body, message) -> None:
        log.write(f"{body}\n")
        log.flush()
        message.ack()

    def hold(body, message) -> None:
        write_line(f"{body}")
        time.sleep(600)

    def write_line(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    with connect(folder) as connection:
        if role == "produce":
            publish(connection, [f"{name}-{number}" for number in range(amount)])
        elif role == "hold":
            consume(connection, prefetch=amount, on_message=hold, until=lambda: False)
        else:
            with (folder / f"{name}.log").open("w") as log:
                consume(connection, prefetch=4, on_message=write, until=(folder / "finished").exists)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
