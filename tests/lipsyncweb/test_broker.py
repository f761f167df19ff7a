"""The broker of files: nothing is lost, nothing comes twice, nothing broken ends a worker."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection, Exchange, Producer, Queue
from kombu.exceptions import ChannelError

from lipsyncweb.broker import LOOK_AHEAD
from tests.lipsyncweb.broker_peer import QUEUE, connect, consume, publish

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def connection(tmp_path):
    with connect(tmp_path) as opened:
        yield opened


def start(module: str, *arguments: object, **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, **options)


def peer(*arguments: object, **options) -> subprocess.Popen:
    return start("tests.lipsyncweb.broker_peer", *arguments, **options)


def wait_until(condition, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())


def queue_folder(folder: Path) -> Path:
    return folder / "messages" / "light"


def take_all(connection) -> list[str]:
    queue = QUEUE(connection.default_channel)
    queue.declare()
    return [message.payload for message in iter(lambda: queue.get(no_ack=True), None)]


def test_messages_come_in_the_order_they_were_sent(connection):
    words = [f"word {number}" for number in range(3 * LOOK_AHEAD)]
    publish(connection, words)

    assert take_all(connection) == words


def test_a_queue_can_be_counted_and_purged(connection, tmp_path):
    publish(connection, ["a", "b", "c"])

    queue = QUEUE(connection.default_channel)
    assert queue.queue_declare(passive=True).message_count == 3
    assert queue.purge() == 3
    assert queue.queue_declare(passive=True).message_count == 0
    assert take_all(connection) == []
    assert list(queue_folder(tmp_path).iterdir()) == []


def test_a_deleted_queue_takes_its_messages_and_bindings_along(connection):
    publish(connection, ["a"])

    QUEUE(connection.default_channel).delete()

    assert connection.default_channel._size("light") == 0
    assert "light" not in [row.queue for row in connection.default_channel.get_table("light")]


def test_queues_keep_apart(connection):
    other = Queue("render", Exchange("render"), routing_key="render")
    publish(connection, ["light"])
    Producer(connection.default_channel).publish(
        "heavy", exchange=other.exchange, routing_key="render", declare=[other]
    )

    assert take_all(connection) == ["light"]
    assert other(connection.default_channel).get(no_ack=True).payload == "heavy"


def test_two_places_in_one_process_keep_apart(tmp_path):
    for name in ("one", "two"):
        with connect(tmp_path / name) as place:
            publish(place, [name])
    for name in ("one", "two"):
        with connect(tmp_path / name) as place:
            assert take_all(place) == [name]


def test_what_was_not_acknowledged_is_given_back_at_a_clean_end(tmp_path):
    with connect(tmp_path) as first:
        publish(first, ["a", "b"])
        consume(first, prefetch=2, on_message=lambda body, message: None, until=lambda: True)
    with connect(tmp_path) as second:
        assert sorted(take_all(second)) == ["a", "b"]


def test_an_empty_file_ends_a_consumer_of_the_stock_transport(tmp_path):
    """Why there is a transport of our own."""
    folders = dict.fromkeys(("data_folder_in", "data_folder_out"), str(tmp_path))
    (tmp_path / "1_x.light.msg").touch()
    with Connection("filesystem://", transport_options=folders) as stock, pytest.raises(ValueError):
        stock.default_channel._get("light")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b"{}", b'{"body": "", "properties": {}}', b"\xff\xfe", b'{"properties": 1}',
        b'{"body": "abc", "properties": {"body_encoding": "base64", "delivery_tag": "1", "delivery_info": {}}}',
        b'{"body": 5, "properties": {"body_encoding": "base64", "delivery_tag": "1", "delivery_info": {}}}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_broken_message_is_set_aside(connection, tmp_path, content):
    publish(connection, ["before"])
    (queue_folder(tmp_path) / f"{0:020d}_x.msg").write_bytes(content)
    publish(connection, ["after"])

    assert take_all(connection) == ["before", "after"]
    assert [path.read_bytes() for path in (tmp_path / "messages" / ".broken").iterdir()] == [content]


def test_a_half_written_message_is_not_seen(connection, tmp_path):
    publish(connection, ["a"])
    (tmp_path / "messages" / ".aside" / "1.part").write_bytes(b'{"body": "ha')

    assert take_all(connection) == ["a"]
    assert list((tmp_path / "messages" / ".broken").iterdir()) == []


def test_everything_cleared_away_under_a_running_process_comes_back(connection, tmp_path):
    publish(connection, ["lost"])
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(Empty):
        connection.default_channel._get("light")

    publish(connection, ["kept"])

    assert take_all(connection) == ["kept"]


def test_a_broken_table_is_written_anew(tmp_path):
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "light.exchange").write_bytes(b'[["light", ')
    with connect(tmp_path) as place:
        publish(place, ["a"])
        assert take_all(place) == ["a"]


@pytest.mark.parametrize("name", ["../x", ".taken", "a/b", "", "a\0b", "x" * 300])
def test_queue_names_cannot_lead_elsewhere(connection, name):
    with pytest.raises(ChannelError):
        connection.default_channel._put(name, {})
    with pytest.raises(ChannelError):
        connection.default_channel._get(name)


def test_a_message_that_cannot_be_written_is_an_error(connection):
    publish(connection, ["a"])
    aside = Path(connection.default_channel.data_folder_out) / ".aside"
    aside.rmdir()
    aside.write_text("not a folder")

    with pytest.raises(ChannelError):
        connection.default_channel._put("light", {})


def run_exchange(folder: Path, *, producers: int, consumers: int, amount: int) -> None:
    takers = [peer("consume", folder, f"c{number}", 0) for number in range(consumers)]
    # All of them listen before there is anything to take, or the first would take the lot.
    assert wait_until(lambda: all((folder / f"c{number}.log").exists() for number in range(consumers)))
    makers = [peer("produce", folder, f"p{number}", amount) for number in range(producers)]
    assert [maker.wait(timeout=100) for maker in makers] == [0] * producers
    (folder / "finished").touch()
    assert [taker.wait(timeout=100) for taker in takers] == [0] * consumers

    logs = [folder.joinpath(f"c{number}.log").read_text().split() for number in range(consumers)]
    expected = Counter(f"p{maker}-{number}" for maker in range(producers) for number in range(amount))
    assert Counter(word for log in logs for word in log) == expected
    # Several had a share, or nothing was tried.
    assert sum(1 for log in logs if log) >= 2
    assert [path for path in (folder / "messages").rglob("*") if path.is_file()] == []


def test_messages_of_many_to_many_come_once_each(tmp_path):
    run_exchange(tmp_path, producers=2, consumers=3, amount=500)


@pytest.mark.slow
def test_thousands_of_messages_come_once_each(tmp_path):
    run_exchange(tmp_path, producers=4, consumers=4, amount=5000)


def test_a_killed_consumer_loses_only_what_it_held(connection, tmp_path):
    words = [f"w{number}" for number in range(20)]
    publish(connection, words)
    with peer("hold", tmp_path, "h", 3, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline().strip() == "w0"
        holder.kill()

    left = take_all(connection)

    assert left == words[len(words) - len(left) :]
    assert 17 <= len(left) < 20


@pytest.mark.slow
def test_an_empty_file_does_not_end_a_real_worker(tmp_path):
    environment = {**os.environ, "BROKER_FOLDER": str(tmp_path)}
    send = "from tests.lipsyncweb.broker_app import note; import sys; note.delay(sys.argv[1])"

    def nudge(word: str) -> None:
        subprocess.run([sys.executable, "-c", send, word], cwd=ROOT, env=environment, check=True)

    def noted(word: str) -> bool:
        notes = tmp_path / "notes"
        return notes.exists() and word in notes.read_text().split()

    nudge("early")
    (queue_folder(tmp_path) / f"{0:020d}_x.msg").touch()
    arguments = [
        "-A",
        "tests.lipsyncweb.broker_app",
        "worker",
        "-P",
        "solo",
        "-Q",
        "light",
        "--loglevel",
        "error",
    ]
    worker = start("celery", *arguments, env=environment)
    try:
        assert wait_until(lambda: noted("early"))
        (queue_folder(tmp_path) / f"{0:020d}_y.msg").touch()
        nudge("late")
        assert wait_until(lambda: noted("late"))
        assert worker.poll() is None
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0
    # The worker's own events go nowhere and leave nothing behind.
    files = [path for path in (tmp_path / "messages").rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} == {".broken"}
