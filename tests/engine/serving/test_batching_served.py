"""Continuous and sequence batching, asynchronous handlers and job tickets: over HTTP, with real worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientError

from engine.serving.jobs import Input, Reply
from tests.support.archives import archive
from tests.support.servers import Answer, Scenario, Server, make_home, make_settings, serving

pytestmark = pytest.mark.usefixtures("workers_without_torch")

Serve = Callable[[str, str, Scenario], None]

CONTINUOUS = """
import time

def is_last(key, context):
    word, at = context.cache[key]
    if word == "company":
        return len(context.request_ids) > 1
    if word == "alone":
        return len(context.request_ids) == 1
    return at == len(word)

def handle(data, context):
    if data is None:
        context.cache = {}
        return None
    time.sleep(0.01)
    keys = [context.get_request_id(index) for index in range(len(data))]
    for key, row in zip(keys, data):
        known = key in context.cache
        assert known == (row == {}), row
        word, at = context.cache[key] if known else (row["body"].decode(), 0)
        if word == "fail":
            raise ValueError("this one fails all")
        context.cache[key] = (word, at + 1)
    context.stopping_criteria = [lambda _, key=key: is_last(key, context) for key in keys]
    return [context.cache[key][0][:][context.cache[key][1] - 1 :][:1] or "." for key in keys]
"""
SEQUENCES = """
import os

counts = {}

def handle(data, context):
    if data is None:
        return None
    names = [context.get_sequence_id(index) for index in range(len(data))]
    assert len(set(names)) == len(names)
    if any(row["body"] == b"die" for row in data):
        os._exit(3)
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return [f"{counts[name]} {os.getpid()}" for name in names]
"""
ASYNCHRONOUS = """
import asyncio
from ts.handler_utils.utils import send_intermediate_predict_response

class Handler:
    async def initialize(self, context):
        self.met = asyncio.Event()
        self.present = 0

    async def handle(self, data, context):
        [row] = data
        word = row["body"].decode()
        context.word = word
        if word == "fail":
            raise ValueError("this one fails alone")
        if word == "hang":
            await asyncio.get_running_loop().create_future()
        self.present += 1
        if self.present == 3:
            self.met.set()
        if word == "stream":
            send_intermediate_predict_response(["part "], context.request_ids, "", 200, context)
        await self.met.wait()
        return [f"{context.word} {context.get_request_header(0, 'X-Word')}"]
"""
SLOW = """
import time

def handle(data, context):
    if data is None:
        return None
    time.sleep(float(data[0]["body"]))
    return ["done"]
"""
ONE_WORKER = "minWorkers: 1\nmaxWorkers: 1\n"


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Return what runs a scenario with a handler's source and its model-config as the model `m`, all workers ready."""

    def run(source: str, config: str, scenario: Scenario) -> None:
        home = make_home(tmp_path)
        archive(home.model_store, "m", source=source, config=config)

        async def main() -> None:
            async with serving(home, make_settings()) as server:
                registered = await server.register("url=m-1.0.mar&synchronous=true")
                assert registered.status == 200, registered
                await scenario(server)

        asyncio.run(main())

    return run


async def together(*requests: Awaitable[Answer]) -> list[Answer]:
    return list(await asyncio.gather(*requests))


# Continuous batching


def test_each_part_of_a_continuous_answer_is_a_chunk(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        url = f"{server.host.addresses['inference']}/predictions/m"
        async with server.session.post(url, data=b"abc") as response:
            assert response.headers["ts_stream_next"] == "true"
            assert [chunk async for chunk, _ in response.content.iter_chunks()] == [b"a", b"b", b"c"]
        assert (await server.predict("m", data=b"x")).headers["ts_stream_next"] == "false"
        [described] = await server.describe("m")
        assert (described["continuousBatching"], described["stateful"]) == (True, False)

    serve(CONTINUOUS, f"{ONE_WORKER}continuousBatching: true\nbatchSize: 4\nmaxBatchDelay: 1\n", scenario)


def test_a_request_joins_a_batch_that_is_under_way_and_leaves_it_with_its_client(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        url = f"{server.host.addresses['inference']}/predictions/m"
        async with server.session.post(url, data=b"company") as response:
            first = await response.content.readany()
            assert first == b"c"
            assert (await server.predict("m", data=b"hello")).body == b"hello"
            await response.read()
        leaver = await server.session.post(url, data=b"company")
        assert await leaver.content.readany() == b"c"
        leaver.close()
        assert (await server.predict("m", data=b"alone")).status == 200

    serve(CONTINUOUS, f"{ONE_WORKER}continuousBatching: true\nbatchSize: 4\nmaxBatchDelay: 1\n", scenario)


def test_a_continuous_batch_that_fails_fails_every_member(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        url = f"{server.host.addresses['inference']}/predictions/m"
        member = await server.session.post(url, data=b"x" * 10_000)
        assert await member.content.readany()
        assert (await server.predict("m", data=b"fail")).error == (
            503,
            "InternalServerException",
            "Prediction failed",
        )
        with pytest.raises(ClientError):
            await member.read()
        assert (await server.predict("m", data=b"ab")).body == b"ab"

    serve(CONTINUOUS, f"{ONE_WORKER}continuousBatching: true\nbatchSize: 4\nmaxBatchDelay: 1\n", scenario)


# Sequence batching


def test_a_sequence_keeps_to_one_worker_and_is_counted_there(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        headers = [{"ts_request_sequence_id": name} for name in "ab"]
        requests = [server.predict("m", data=b"", headers=headers[number % 2]) for number in range(12)]
        answers = await together(*requests)
        for own in (answers[::2], answers[1::2]):
            counts, workers = zip(*(answer.body.decode().split() for answer in own), strict=True)
            assert (sorted(counts), len(set(workers))) == (list("123456"), 1)
        refused = await server.predict("m", data=b"", headers={"ts_request_sequence_id": "c"})
        assert (refused.status, refused.error[1]) == (503, "ServiceUnavailableException")
        assert "maxNumSequence" in refused.headers["x-marina-reason"]
        [described] = await server.describe("m")
        assert (described["stateful"], described["sequenceMaxIdleMSec"], described["sequenceTimeoutMSec"]) == (
            True,
            60_000,
            0,
        )
        assert (described["maxNumSequence"], described["maxSequenceJobQueueSize"]) == (2, 10)

    config = "minWorkers: 2\nmaxWorkers: 2\nsequenceBatching: true\nbatchSize: 2\nmaxBatchDelay: 5\n"
    serve(SEQUENCES, f"{config}maxNumSequence: 2\nmaxSequenceJobQueueSize: 10\n", scenario)


def test_a_worker_that_dies_with_a_sequence_is_replaced(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        headers = {"ts_request_sequence_id": "a"}
        first = (await server.predict("m", data=b"", headers=headers)).body.decode().split()
        assert (await server.predict("m", data=b"die", headers=headers)).error[::2] == (500, "Worker died.")
        again = (await server.predict("m", data=b"", headers=headers)).body.decode().split()
        assert (first[0], again[0]) == ("1", "1")
        assert first[1] != again[1]

    serve(SEQUENCES, f"{ONE_WORKER}sequenceBatching: true\nsequenceMaxIdleMSec: 5000\n", scenario)


# Asynchronous handlers


def test_an_asynchronous_handler_has_several_requests_in_flight(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        words = ["one", "two", "stream"]
        answers = await together(*(server.predict("m", data=word.encode(), headers={"X-Word": word}) for word in words))
        assert [answer.body.decode() for answer in answers] == ["one one", "two two", "part stream stream"]

    serve(ASYNCHRONOUS, f"{ONE_WORKER}asyncCommunication: true\nbatchSize: 4\n", scenario)


def test_an_asynchronous_request_that_fails_fails_alone(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        words = ["one", "fail", "two", "three"]
        answers = await together(*(server.predict("m", data=word.encode(), headers={"X-Word": word}) for word in words))
        assert [answer.status for answer in answers] == [200, 503, 200, 200]

    serve(ASYNCHRONOUS, f"{ONE_WORKER}asyncCommunication: true\n", scenario)


def test_an_asynchronous_request_without_an_answer_ends_with_its_timeout(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.predict("m", data=b"hang")).error[::2] == (500, "Worker died.")

    serve(ASYNCHRONOUS, f"{ONE_WORKER}asyncCommunication: true\nresponseTimeout: 1\n", scenario)


# Job tickets, and callers that have gone


def test_with_job_tickets_a_request_that_would_wait_is_refused_at_once(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answers = await together(*(server.predict("m", data=b"1") for _ in range(3)))
        assert sorted(answer.status for answer in answers) == [200, 503, 503]
        refused = next(answer for answer in answers if answer.status == 503)
        assert "useJobTicket" in refused.headers["x-marina-reason"]
        [described] = await server.describe("m")
        assert described["useJobTicket"] is True

    serve(SLOW, f"{ONE_WORKER}useJobTicket: true\n", scenario)


def test_a_caller_that_left_a_full_queue_gives_its_place_to_the_next(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        def ask(seconds: bytes) -> asyncio.Future[Reply]:
            return server.engine.predict("m", None, "id", {}, [Input("body", "", seconds)])

        running, leaves = ask(b"1"), ask(b"30")
        leaves.cancel()
        follows = ask(b"0")
        refused = await server.predict("m", data=b"0")
        assert (refused.status, refused.error[1]) == (503, "ServiceUnavailableException")
        assert "queue is full: 1 requests wait" in refused.headers["x-marina-reason"]
        assert [bytes((await future).body) for future in (running, follows)] == [b"done", b"done"]

    serve(SLOW, f"{ONE_WORKER}jobQueueSize: 1\n", scenario)
