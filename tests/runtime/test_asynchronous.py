"""Worker processes whose handler is a coroutine function, spoken to in frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.runtime.channel import encode
from engine.runtime.frames import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.runtime.conftest import WorkerProcess

    Start = Callable[..., WorkerProcess]

HANDLER = """
    import asyncio, sys, threading

    async def handle(data, context):
        if data is None:
            context.lock = threading.Lock()
            context.seen = []
            return None
        [word] = [row["body"] for row in data]
        if word == "hang":
            print("hanging", flush=True)
            await asyncio.sleep(1000)
        if word == "cancel":
            raise asyncio.CancelledError
        if word == "exit":
            sys.exit(4)
        if word == "slow":
            await asyncio.sleep(0.2)
        context.seen.append(word)
        main = threading.current_thread() is threading.main_thread()
        return [f"{word} {len(context.seen)} {main} {context.lock.locked()}"]
"""


def predict(worker: WorkerProcess, batch: int, word: str) -> None:
    body = word.encode()
    jobs = [{"id": f"id-{batch}", "headers": {}, "inputs": [["body", "text/plain", len(body)]]}]
    worker.channel.send(encode(Kind.PREDICT, {"batch": batch, "jobs": jobs}, [body]))


def test_requests_are_answered_as_they_finish_each_with_its_own_context(start_worker: Start) -> None:
    worker = start_worker(HANDLER)
    assert worker.load("h", asynchronous=True).kind is Kind.LOADED
    predict(worker, 1, "slow")
    predict(worker, 2, "quick")
    answers = [worker.receive(), worker.receive()]
    assert [(answer.meta["batch"], bytes(answer.body)) for answer in answers] == [
        (2, b"quick 1 True False"),
        (1, b"slow 1 True False"),
    ]
    assert worker.leave()[0] == 0


def test_a_request_that_cancels_itself_fails_alone(start_worker: Start) -> None:
    worker = start_worker(HANDLER)
    worker.load("h", asynchronous=True)
    predict(worker, 1, "cancel")
    failed = worker.receive()
    assert (failed.kind, failed.meta["batch"], failed.meta["message"]) == (Kind.FAILED, 1, "Prediction failed")
    predict(worker, 2, "quick")
    assert worker.receive().kind is Kind.REPLY


def test_a_worker_with_requests_in_flight_leaves_with_the_engine(start_worker: Start) -> None:
    worker = start_worker(HANDLER)
    worker.load("h", asynchronous=True)
    predict(worker, 1, "hang")
    assert worker.process.stdout is not None
    assert worker.process.stdout.readline() == b"hanging\n"
    code, _, _ = worker.leave()
    assert code == 0


def test_sys_exit_ends_the_worker_with_its_code(start_worker: Start) -> None:
    worker = start_worker(HANDLER)
    worker.load("h", asynchronous=True)
    predict(worker, 1, "exit")
    assert worker.is_gone()
    assert worker.leave()[0] == 4


def test_a_handler_that_is_not_asynchronous_fails_the_load_and_tells_why(start_worker: Start) -> None:
    failed = start_worker("def handle(data, context):\n    return data\n").load("h", asynchronous=True)
    assert failed.kind is Kind.LOAD_FAILED
    assert "asyncCommunication needs a handler whose entry point is 'async def'" in failed.meta["message"]


CONTINUOUS = """
    def handle(data, context):
        if data is None:
            return None
        context.stopping_criteria = [lambda value: value == "last", lambda value: None]
        context.set_response_header(1, "ts_stream_next", "true")
        return [row.get("body", "again") for row in data]
"""


def test_stopping_criteria_decide_which_requests_stay(start_worker: Start) -> None:
    worker = start_worker(CONTINUOUS)
    worker.load("h", continuous=True)
    for first, stays in (("last", "false"), ("more", "true")):
        reply = worker.predict(first.encode(), b"own", content_type="text/plain")
        assert [result[3]["ts_stream_next"] for result in reply.meta["results"]] == [stays, "true"]


def test_a_request_that_stays_has_an_empty_row(start_worker: Start) -> None:
    worker = start_worker(CONTINUOUS)
    worker.load("h", continuous=True)
    jobs: list[dict[str, Any]] = [{"id": name, "headers": {}, "inputs": []} for name in ("a", "b")]
    worker.channel.send(encode(Kind.PREDICT, {"batch": 1, "jobs": jobs}))
    assert bytes(worker.receive().body) == b"againagain"


def test_a_continuous_handler_that_returns_no_list_fails_as_any_other(start_worker: Start) -> None:
    worker = start_worker(CONTINUOUS.replace("[row.get", "tuple([row.get").replace("in data]", "in data])"))
    worker.load("h", continuous=True)
    failed = worker.predict(b"1", b"2")
    assert (failed.kind, failed.meta["message"]) == (Kind.FAILED, "Invalid model predict output")
