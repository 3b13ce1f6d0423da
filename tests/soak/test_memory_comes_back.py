"""Loads that hold much memory for a while: `marina-server` answers others meanwhile, and gives the memory back.

A short form runs by default. `make memory` runs it in full, where the limits are those of the goal: the loop is late by
50 ms at most at the 99.9th percentile, and 30 s later the server holds at most 10 % more than at the start.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import psutil
import pytest

from tests.soak.test_soak import unread_log
from tests.support.archives import archive
from tests.support.rpc_client import generated
from tests.support.server_process import CONFIGURATION, Process, ask, server, wait_for
from tests.support.servers import make_home

FULL = os.environ.get("MARINA_MEMORY") == "full"
GROWTH, SECONDS, LATE = 0.1, 30.0, 0.05
ANSWER = 6_000_000
PIECE = 650_000
# The query's `size` is how many bytes the answer has.
HANDLER = """
def handle(data, context):
    return None if data is None else [bytes(int(row.get("size") or b"2")) for row in data]
"""
SEQUENCES = "sequenceBatching: true\nbatchSize: 4\nmaxBatchDelay: 10\nmaxNumSequence: 4\nmaxSequenceJobQueueSize: 999\n"
FORM_FIELDS = b"&".join(b"name%d=value" % number for number in range(45_000))
FORM_ESCAPES = b"a=" + b"%41" * 2_000_000
FORM_PARTS = (
    b"".join(b'--B\r\nContent-Disposition: form-data; name="n%d"\r\n\r\nx\r\n' % n for n in range(9000)) + b"--B--"
)
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=B"


class Place:
    """A server with a model `sized` and its sequences, and the loads for it."""

    def __init__(self, process: Process, rpc: str) -> None:
        self.process = psutil.Process(process.process.pid)
        self.where = urlsplit(process.inference)
        self.rpc = rpc

    def connected(self, kind: str, body: bytes, path: str = "/predictions/sized") -> socket.socket:
        """Send a request on a connection whose client takes little at a time."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((self.where.hostname, self.where.port))
        head = f"POST {path} HTTP/1.1\r\nHost: {self.where.netloc}\r\nContent-Type: {kind}\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return client

    def clients_that_leave(self, count: int) -> None:
        """Ask for large answers and go when these begin to come."""
        for _ in range(count):
            with contextlib.closing(self.connected(URLENCODED, b"size=%d" % ANSWER)) as client:
                client.recv(1)

    def slow_readers(self, count: int) -> None:
        """Ask for large answers and read a byte of each."""
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                client = stack.enter_context(contextlib.closing(self.connected(URLENCODED, b"size=%d" % ANSWER)))
                client.recv(1)

    def forms(self, count: int) -> None:
        """Send large forms at once and wait for their answers."""
        kinds = [(URLENCODED, FORM_FIELDS), (URLENCODED, FORM_ESCAPES), (MULTIPART, FORM_PARTS)]
        threads = [threading.Thread(target=self._form, args=kinds[number % len(kinds)]) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _form(self, kind: str, body: bytes) -> None:
        with contextlib.closing(self.connected(kind, body)) as client:
            assert client.recv(20).startswith(b"HTTP/1.1 200")

    def a_stream_that_nobody_reads(self, requests: int) -> None:
        """Ask for many answers over one gRPC stream and take none of them."""
        messages, stubs = generated()["inference"]
        fields = {"model_name": "sequences", "input": {"size": b"%d" % PIECE}}
        with grpc.insecure_channel(self.rpc) as channel:
            stub: Any = stubs.InferenceAPIsServiceStub(channel)
            sent = [messages.PredictionsRequest(sequence_id=f"s{n % 4}", **fields) for n in range(requests)]
            answers = stub.StreamPredictions2(iter(sent))
            next(answers)
            time.sleep(2)  # what the test is about: a client that does not read
            answers.cancel()


@contextlib.contextmanager
def watched(place: Place) -> Iterator[tuple[list[float], list[int]]]:
    """Note how long pings take and what the server holds, about every 5 ms."""
    lateness: list[float] = []
    held: list[int] = []
    over = threading.Event()

    def watch() -> None:
        with contextlib.closing(http.client.HTTPConnection(place.where.netloc)) as connection:
            while not over.wait(0.005):
                started = time.perf_counter()
                connection.request("GET", "/ping")
                connection.getresponse().read()
                lateness.append(time.perf_counter() - started)
                held.append(place.process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lateness, held
    finally:
        over.set()
        thread.join()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    home = make_home(tmp_path)
    archive(home.model_store, "sized", source=HANDLER)
    archive(home.model_store, "sequences", source=HANDLER, config=SEQUENCES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = CONFIGURATION.replace("grpc_inference_port=0", f"grpc_inference_port={port}")
    (tmp_path / "config.properties").write_text(f"{settings}fork_server=false\njob_queue_size=1000\n", encoding="utf-8")
    with server(tmp_path) as process, unread_log(process):
        for model in ("sized", "sequences"):
            ask("POST", f"{process.management}/models?url={model}-1.0.mar&initial_workers=1&synchronous=true")
        yield Place(process, f"127.0.0.1:{port}")


LOADS: dict[str, tuple[Callable[[Place, int], None], int, int]] = {
    "clients that leave": (Place.clients_that_leave, 10, 150),
    "slow readers": (Place.slow_readers, 10, 250),
    "forms": (Place.forms, 3, 6),
    "a stream that nobody reads": (Place.a_stream_that_nobody_reads, 100, 1000),
}


@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc, and given back by glibc")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", LOADS if FULL else ["clients that leave", "forms"])
def test_memory_comes_back(place: Place, name: str) -> None:
    load, few, many = LOADS[name]
    load(place, 1)
    before = place.process.memory_info().rss
    with watched(place) as (lateness, held):
        load(place, many if FULL else few)
    started = time.monotonic()
    wait_for(lambda: place.process.memory_info().rss <= before * (1 + GROWTH), SECONDS)
    late = statistics.quantiles(lateness, n=1000)[-1] if len(lateness) > 1 else 0.0
    figures = f"{before / 1e6:.0f} MB before, {max(held) / 1e6:.0f} MB at most, back after"
    print(f"{name}: {figures} {time.monotonic() - started:.1f} s; pings {late * 1000:.0f} ms at p99.9")  # noqa: T201 - `make memory` shows it
    assert not FULL or late < LATE
