"""A request that its handler spoils is told so, and costs nobody else anything: the next one is answered.

Each table names the order that a handler gets, the answer, and for a worker that died of it what is said of the death.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.snapshots import WorkerState
from tests.support.misbehaviour import Place, leaving_nothing, misbehaving_model
from tests.support.servers import Answer

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("workers_without_torch")]


class Told(NamedTuple):
    """An answer, and the cause of death with a part of what is shown of it; no cause: the worker lives on."""

    status: int
    message: str
    death: str = ""
    shown: str = ""


def died(death: str, shown: str = "", status: int = 500) -> Told:
    return Told(status, "Worker died.", f"{death}, 1 request failed", shown)


def told(place: Place, answer: Answer, expected: Told) -> Told:
    """Return what was told, with the expected part of the traceback if that is there and the whole if not."""
    text = answer.body.decode()
    if answer.status >= 400:
        code, kind, text = answer.error
        assert (code, kind) == (answer.status, "InternalServerException")
    worker = place.worker
    if worker.state is WorkerState.READY:
        return Told(answer.status, text)
    shown = expected.shown if expected.shown in worker.traceback else worker.traceback
    return Told(answer.status, text, worker.last_death, shown)


async def play(place: Place, table: dict[str, Told]) -> None:
    """Give each order and look at what is told; the next request works."""
    found = {}
    for order, expected in table.items():
        found[order] = told(place, await place.ask(order), expected)
        await place.works()
    assert found == table


MISMATCHED = Told(503, "number of batch response mismatched")
NO_LIST = Told(503, "Invalid model predict output")
UNSUPPORTED = Told(503, "Unsupported model output data type.")
RESULTS = {
    "none": NO_LIST,
    "too few": MISMATCHED,
    "too many": MISMATCHED,
    "a tuple": NO_LIST,
    "a dict": NO_LIST,
    "text": NO_LIST,
    "a generator": NO_LIST,
    "an object": UNSUPPORTED,
    "a set": UNSUPPORTED,
    "bytes as keys": UNSUPPORTED,
    "a huge integer": UNSUPPORTED,
    "a lone surrogate": UNSUPPORTED,
    "itself": UNSUPPORTED,
    "too deep": UNSUPPORTED,
    "not a number": Told(200, "[\n  NaN,\n  Infinity\n]"),
    "a surrogate in JSON": Told(200, '[\n  "\\ud800"\n]'),
    "600 MB": Told(500, "Worker died."),
}


def test_a_result_that_is_no_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "results") as place:
            await play(place, RESULTS)

    leaving_nothing(scenario())


FAILED = Told(503, "Prediction failed")
NO_MEMORY = Told(507, "Out of resources")
ERRORS = {
    "plain": FAILED,
    "memory": NO_MEMORY,
    "all memory": NO_MEMORY,
    "recursion": FAILED,
    "mute": FAILED,
    "nameless": FAILED,
    "mute code": Told(500, ""),
    "long": FAILED,
    "surrogates": Told(420, "half \\ud800"),
    "base": died("exited with code 1", "Fatal: not an Exception"),
    "interrupt": died("killed by SIGINT", "KeyboardInterrupt"),
}


def test_an_exception_of_any_kind(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "errors") as place:
            await play(place, ERRORS)

    leaving_nothing(scenario())


def test_memory_that_runs_out_and_stays_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "errors") as place:
            answer = await place.ask("all memory for good")
            assert answer.error in (
                (507, "InternalServerException", "Out of resources"),
                (500, "InternalServerException", "Worker died."),
            )
            await place.works()

    leaving_nothing(scenario())


TIMED_OUT = died("no answer within 1 s (response_timeout)", "Standard output ended with:\nordered to ")
ENDS = {
    "exit": died("exited with code 0", "ordered to exit"),
    "exit 3": died("exited with code 3", "ordered to exit 3"),
    "exit with words": died("exited with code 1", "enough"),
    "exit with threads": died("exited with code 5"),
    "exit in a thread": Told(200, "well"),
    "hard exit in a thread": died("exited with code 6"),
    "hard exit 0": died("exited with code 0"),
    "hard exit 7": died("exited with code 7"),
    "hard exit 137": died("exited with code 137", status=507),
    "segmentation fault": died("killed by SIGSEGV", "Fatal Python error: Segmentation fault"),
    "abort": died("killed by SIGABRT", "Fatal Python error: Aborted"),
    "kill": died("killed by SIGKILL", "ordered to kill", status=507),
    "stop": TIMED_OUT,
    "spin": TIMED_OUT,
    "sleep": TIMED_OUT,
    "refuse signals": TIMED_OUT,
}


def test_a_worker_that_ends_or_does_not_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "ends", default_response_timeout=1) as place:
            await play(place, ENDS)

    leaving_nothing(scenario())


BAD_FILE = "OSError: [Errno 9] Bad file descriptor"
TAMPERS = {
    "close everything": died("exited with code 1"),
    "close the channel": died("exited with code 1", BAD_FILE),
    "hang up": died("exited with code 0"),
    "nonsense": died("the worker sent what is no answer: not a frame: begins with b'Here'"),
    "half a frame": died("the worker sent what is no answer: not a frame: begins with b'MFMF'"),
    "a huge frame": died(
        "the worker sent what is no answer: frame body of 9151314442816847872 bytes is over the limit of 6553500"
    ),
    "deep JSON": died(
        "the worker sent what is no answer: maximum recursion depth exceeded while deserializing an object"
    ),
    "leave a child": Told(200, "well"),
    "let the child answer": Told(200, "well"),
    "forget the requests": MISMATCHED,
    "a metric that is no number": Told(200, "well"),
    "close the standard streams": Told(200, "well"),
    "change everything": Told(200, "well"),
}


def test_a_handler_that_tampers_with_its_worker(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "tampers") as place:
            await play(place, TAMPERS)

    leaving_nothing(scenario())


def test_a_handler_that_removes_its_model(tmp_path: Path) -> None:
    """Its worker goes on; the next one finds nothing to load, and says so."""

    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "tampers") as place:
            assert (await place.ask("remove the model")).status == 200
            await place.works()
            assert (await place.ask("close the channel")).status == 500
            await place.server.manage("PUT", "/models/odd?min_worker=0&synchronous=true")
            answer = await place.server.manage("PUT", "/models/odd?min_worker=1&synchronous=true")
            assert answer.status == 500
            assert place.worker.last_death.startswith("the model's folder is gone: ")
            assert place.worker.last_death.endswith(". Register the model again")
            assert (await place.server.manage("DELETE", "/models/odd")).status == 200

    leaving_nothing(scenario())


def no_answer(problem: str) -> tuple[int, str]:
    return 500, f"The handler's answer cannot be sent: {problem}."


HEADS: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"headers": {"x-a": "a\r\nset-cookie: b=c"}}, no_answer("its header x-a holds a control character")),
    ({"headers": {"x-a": "a\r\n\r\nHTTP/1.1 200 OK"}}, no_answer("its header x-a holds a control character")),
    ({"headers": {"x-a": "a\x00"}}, no_answer("its header x-a holds a control character")),
    ({"headers": {"x-a\r\nset-cookie": "b=c"}}, no_answer("'x-a\\r\\nset-cookie' is no name of a header")),
    ({"headers": {"transfer-encoding ": "chunked"}}, no_answer("'transfer-encoding ' is no name of a header")),
    ({"headers": {"": "a"}}, no_answer("'' is no name of a header")),
    ({"headers": {"x-\u00fc": "a"}}, no_answer("'x-\\xfc' is no name of a header")),
    ({"headers": {"x-a": "\u65e5\u672c \ud800"}}, (200, "well")),
    ({"headers": {"Content-Length": "1", "Transfer-Encoding": "chunked"}}, (200, "well")),
    ({"headers": {"x-a": None, "x-b": 1, "x-c": [1]}}, (200, "well")),
    ({"status": 200, "phrase": "OK\r\nset-cookie: b=c"}, no_answer("its reason phrase holds a control character")),
    ({"status": 200, "phrase": "\u65e5\u672c \ud800"}, (200, "well")),
    ({"status": 0}, (200, "well")),
    ({"status": 99}, (200, "well")),
    ({"status": -5}, (200, "well")),
    ({"status": 101}, no_answer("no answer has the status 101")),
    ({"status": 999}, (999, "well")),
    ({"status": 1000}, no_answer("no answer has the status 1000")),
    ({"status": 10**30}, no_answer("no answer has the status 2147483647")),
    ({"status": "201"}, (201, "well")),
    ({"status": "good"}, (503, "Prediction failed")),
    ({"status": None}, (503, "Prediction failed")),
    ({"status": 204}, (204, "")),
]


def test_a_head_that_http_cannot_carry(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "heads") as place:
            for wanted, expected in HEADS:
                answer = await place.ask(json.dumps(wanted))
                text = answer.error[2] if answer.status in (500, 503) else answer.body.decode()
                assert (answer.status, text) == expected, wanted
                assert "set-cookie" not in answer.headers
                await place.works("{}")
            assert place.worker.restarts == 0

    leaving_nothing(scenario())


def test_a_bad_head_is_told_to_its_own_request_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with misbehaving_model(tmp_path, "heads", "&batch_size=2&max_batch_delay=5000") as place:
            bad, good = await asyncio.gather(place.ask('{"status": 1000}'), place.ask("{}"))
            assert (bad.status, good.status) == (500, 200)

    leaving_nothing(scenario())
