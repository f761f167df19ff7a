"""The load: `python -m tests.bench.load` reads a plan on its standard input and writes what it counted.

In a process of its own, over a few kept connections. Every round tries all requests, in another order each time, so
that what else the machine does meets all of them alike.
"""

import json
import os
import random
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CONNECTIONS = 4
WARM_UP = 0.5  # seconds


class Connection:
    """One kept connection that sends one request over and over."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def ask(self, request: bytes) -> int:
        """Send it and read the whole answer; returns the answer's status."""
        self.socket.sendall(request)
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self._receive()
        head, self.buffer = self.buffer[:end].lower(), self.buffer[end + 4 :]
        status = int(head.split(b" ", 2)[1])
        if status != 304:  # that has no body, whatever its length says
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            while len(self.buffer) < length:
                self._receive()
            self.buffer = self.buffer[length:]
        return status

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("The server closed a connection that was to be kept.")
        self.buffer += data


def rate(connections: list[Connection], request: bytes, status: int, seconds: float) -> tuple[int, float]:
    """How many requests were answered over all connections, and in how many seconds."""
    ends = time.perf_counter() + seconds
    counts = [0] * len(connections)

    def run(number: int) -> None:
        while time.perf_counter() < ends:
            got = connections[number].ask(request)
            if got != status:
                raise RuntimeError(f"{got} instead of {status} for {request[:60]!r}")
            counts[number] += 1

    began = time.perf_counter()
    with ThreadPoolExecutor(len(connections)) as pool:
        list(pool.map(run, range(len(connections))))  # raises what a thread raised
    return sum(counts), time.perf_counter() - began


def measure(plan: dict[str, Any]) -> dict[str, list[tuple[int, float, float]]]:
    """For each request and round: answers, seconds, seconds of the server's processor."""
    connections = [Connection(plan["port"]) for _number in range(CONNECTIONS)]
    requests = {name: (each["text"].encode(), each["status"]) for name, each in plan["requests"].items()}
    for request, status in requests.values():
        rate(connections, request, status, WARM_UP)
    found: dict[str, list[tuple[int, float, float]]] = {name: [] for name in requests}
    for _round in range(plan["rounds"]):
        for name in random.sample(list(requests), len(requests)):
            before = processor_seconds(plan["pid"])
            count, took = rate(connections, *requests[name], plan["seconds"])
            found[name].append((count, took, processor_seconds(plan["pid"]) - before))
    return found


def processor_seconds(pid: int) -> float:
    """What the server has used so far, itself and in the kernel's name. 0 where the system does not tell."""
    if not Path("/proc/self/stat").exists():
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    json.dump(measure(json.load(sys.stdin)), sys.stdout)
