"""A handler prints or streams without measure: the engine's memory and log stay small, and others are answered."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from aiohttp import ClientConnectionError, ClientPayloadError

from engine.logs import Logs
from engine.snapshots import WorkerState
from engine.workers.output import BURST, RATE
from tests.support.misbehaviour import MODEL, Place, leaving_nothing, misbehaving_model
from tests.support.servers import until, worker_processes

pytestmark = [pytest.mark.alone, pytest.mark.end_to_end, pytest.mark.usefixtures("workers_without_torch")]

MEMORY_GROWTH = 48 * 1024 * 1024
GIGABYTE = 1000  # in megabytes, as the handler counts


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Log as Marina does, but for the console."""
    root = logging.getLogger()
    level, console, sys.stderr = root.level, sys.stderr, None
    logs = Logs(folder)
    logs.open()
    try:
        yield
    finally:
        logs.close()
        root.setLevel(level)
        sys.stderr = console


class Memory:
    """How far the resident memory of this process has grown at most since `start`, in bytes."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        gc.collect()
        self._before = self._process.memory_info().rss
        self.growth = 0

    async def watch(self) -> None:
        while True:
            self.growth = max(self.growth, self._process.memory_info().rss - self._before)
            await asyncio.sleep(0.02)


async def flood(place: Place, order: str) -> tuple[int, int, float]:
    """Return the answer's status, how much memory grew, and the seconds it took."""
    memory = Memory()
    loop = asyncio.get_running_loop()
    watching = loop.create_task(memory.watch())
    started = loop.time()
    answer = await place.ask(order)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return answer.status, memory.growth, loop.time() - started


@pytest.mark.parametrize(("stream", "line"), [("stdout", 1000), ("stdout", 0), ("stdout", 1), ("stderr", 80)])
def test_output_without_measure_is_left_out_of_the_log(tmp_path: Path, stream: str, line: int) -> None:
    logs = tmp_path / "logs"

    async def scenario() -> None:
        with logging_to(logs):
            seconds = await scene()
        # A line in the log has a head of less than 100 characters before what was printed.
        size = sum(path.stat().st_size for path in logs.iterdir())
        assert size < 2 * (2 * BURST + seconds * RATE) + 1_000_000

    async def scene() -> float:
        async with misbehaving_model(tmp_path, "prints") as place:
            await place.works()
            status, growth, seconds = await flood(place, f"{stream} {GIGABYTE} {line}")
            assert status == 200
            assert growth < MEMORY_GROWTH
            await place.works()
            assert place.worker.restarts == 0
        return seconds

    leaving_nothing(scenario())


def test_the_end_of_a_flood_is_what_a_death_shows(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "prints") as place:
            assert (await place.ask("stderr 20 100 and exit")).error[2] == "Worker died."
            assert place.worker.last_death == "exited with code 9, 1 request failed"
            assert place.worker.traceback.endswith("\nthe last line")
            assert "bytes of output are left out here: it came too fast]" in place.worker.traceback
            await place.works()

    leaving_nothing(scenario())


STREAMS = {
    "raises": ("", WorkerState.READY),
    "dies": ("exited with code 4, 1 request failed", WorkerState.BACKING_OFF),
    "stops": ("no answer within 1 s (response_timeout), 1 request failed", WorkerState.BACKING_OFF),
}


@pytest.mark.parametrize("order", STREAMS)
def test_a_stream_that_fails_half_way_breaks_its_connection(tmp_path: Path, order: str) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "streams", default_response_timeout=1) as place:
            with pytest.raises((ClientPayloadError, ClientConnectionError)):
                await place.ask(order)
            assert (place.worker.last_death, place.worker.state) == STREAMS[order]
            await place.works()

    leaving_nothing(scenario())


def test_a_stream_whose_head_cannot_be_sent_is_an_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "streams") as place:
            answer = await place.ask("a bad head")
            problem = "The handler's answer cannot be sent: its header x-evil holds a control character."
            assert answer.error == (500, "InternalServerException", problem)
            await place.works()

    leaving_nothing(scenario())


def test_a_stream_without_end_ends_after_its_reader_has_gone(tmp_path: Path) -> None:
    """Nothing of it is kept, and after the response timeout its worker is free for others."""

    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "streams", default_response_timeout=1) as place:
            memory = Memory()
            url = f"{place.server.host.addresses['inference']}/predictions/{MODEL}"
            async with place.server.session.post(url, data=b"no end") as response:
                assert await response.content.readexactly(10_000)
            watching = asyncio.get_running_loop().create_task(memory.watch())
            await until(place.server.engine, lambda: place.worker.state is WorkerState.BACKING_OFF)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            assert "response_timeout" in place.worker.last_death
            assert memory.growth < MEMORY_GROWTH
            await place.works()

    leaving_nothing(scenario())


def test_a_worker_that_ignores_every_signal_can_be_scaled_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "tampers") as place:
            assert (await place.ask("change everything")).status == 200
            answer = await place.server.manage("PUT", "/models/odd?min_worker=0&synchronous=true")
            assert answer.status == 200
            assert len(worker_processes()) == 1, "the bystander's worker alone"

    leaving_nothing(scenario())
