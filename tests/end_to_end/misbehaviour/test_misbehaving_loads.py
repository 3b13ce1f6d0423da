"""A handler that misbehaves while it is loaded: whoever waits is told why, and no other model notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.misbehaviour import leaving_nothing, misbehaving
from tests.support.servers import until

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("workers_without_torch")]

CAUSES = {
    "exit": ("SystemExit", "service.py"),
    "hard exit": ("exited with code 0", ""),
    "interrupt": ("KeyboardInterrupt", "fail(KeyboardInterrupt())"),
    "base": ("Fatal: not an Exception", "Fatal: not an Exception"),
    "mute": ("Mute", "fail(Mute())"),
    "long": ("ValueError: " + "x" * 1000, "characters are left out"),
    "recursion": ("RecursionError: maximum recursion depth exceeded", "return endless() + 1"),
    "memory": ("MemoryError", "fail(MemoryError())"),
    "crash": ("killed by SIGSEGV", "Fatal Python error: Segmentation fault"),
    "block": (
        "the handler was not loaded within 1 s (startup_timeout)",
        "Standard output ended with:\ngoing to sleep",
    ),
}


@pytest.mark.parametrize("order", CAUSES)
def test_a_handler_that_cannot_be_loaded_says_why(tmp_path: Path, order: str) -> None:
    cause, shown = CAUSES[order]

    async def scenario() -> None:
        files = {"order.txt": order.encode()}
        timeout = 1 if order == "block" else 30
        async with misbehaving(tmp_path, "loads", files=files, default_startup_timeout=timeout) as place:
            answer = await place.server.register("url=odd-1.0.mar")
            assert answer.status == 200
            answer = await place.server.manage("PUT", "/models/odd?min_worker=1&synchronous=true")
            code = 507 if order == "memory" else 500
            assert (answer.status, answer.error[1]) == (code, "InternalServerException")
            worker = place.worker
            assert worker.last_death == cause
            assert shown in worker.traceback
            [version] = await place.server.describe("odd")
            assert version["workers"][0]["lastDeath"] == cause
            assert (await place.server.manage("DELETE", "/models/odd")).status == 200

    leaving_nothing(scenario())


def test_a_handler_that_prints_a_gigabyte_while_it_is_loaded_is_loaded(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving(tmp_path, "loads", files={"order.txt": b"print 1000"}) as place:
            answer = await place.server.register("url=odd-1.0.mar&initial_workers=1&synchronous=true")
            assert answer.status == 200
            await place.works("anything")

    leaving_nothing(scenario())


def test_a_worker_that_dies_again_and_again_is_left_in_peace_in_between(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving(tmp_path, "loads", files={"order.txt": b"hard exit"}) as place:
            assert (await place.server.register("url=odd-1.0.mar&initial_workers=1")).status == 202
            await until(place.server.engine, lambda: bool(place.server.engine.describe("odd")[0].workers))
            await until(place.server.engine, lambda: place.worker.restarts >= 2)
            assert place.worker.last_death == "exited with code 0"
            assert (await place.server.manage("DELETE", "/models/odd")).status == 200

    leaving_nothing(scenario())
