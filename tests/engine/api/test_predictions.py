"""The inference API over HTTP. Workers are fakes."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession, ClientTimeout

from engine.archives.packing import pack
from engine.snapshots import WorkerState
from tests.engine.api.conftest import Serve
from tests.support.servers import Server, until, until_state
from tests.support.workers import FakeLauncher

ONE_WORKER = "url=noop-1.0.mar&initial_workers=1&synchronous=true"


def test_an_answer_is_the_handlers_with_its_status_and_headers(serve: Serve) -> None:
    headers = {"Content-Type": "text/x-own", "Server": "mine", "x-request-id": "forged", "Transfer-Encoding": "chunked"}

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        answer = await server.predict("noop", data=b"x")
        assert (answer.status, answer.reason, answer.body) == (202, "Fine", b"result")
        assert answer.headers["Server"] == "mine"
        assert answer.headers["Content-Type"] == "text/x-own"
        assert answer.headers["x-request-id"] != "forged"
        assert "Transfer-Encoding" not in answer.headers

    serve(scenario, FakeLauncher(answer=(202, "Fine", headers, b"result")))


def test_a_header_that_a_handler_spells_twice_goes_out_once_as_spelled_first(serve: Serve) -> None:
    headers = {"x-own": "1", "X-Own": "2", "Content-Type": "a/b", "content-type": "c/d"}

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        answer = await server.predict("noop")
        sent = sorted(
            (name, value) for name, value in answer.headers.items() if name.lower() in {"x-own", "content-type"}
        )
        assert sent == [("Content-Type", "a/b"), ("x-own", "1")]

    serve(scenario, FakeLauncher(answer=(200, "", headers, b"result")))


def test_a_handler_sees_the_clients_headers_and_what_follows_the_version(serve: Serve) -> None:
    launcher = FakeLauncher()

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        answer = await server.predict("noop/1.0/a/b", headers={"X-Mine": "7"})
        job = launcher.workers[0].jobs[0]
        assert job["id"] == answer.headers["x-request-id"]
        assert job["headers"]["X-Mine"] == "7"
        assert job["headers"]["url_path"] == "a/b"
        assert job["headers"]["explain"] == "False"

    serve(scenario, launcher)


@pytest.mark.parametrize(
    ("path", "status", "kind", "message"),
    [
        ("none", 404, "ModelNotFoundException", "Model not found: none"),
        ("noop/9", 404, "ModelVersionNotFoundException", "Model version: 9 does not exist for model: noop"),
        ("noop", 503, "ServiceUnavailableException", 'Model "noop" has no worker to serve inference request.'),
        ("noop/1.0", 503, "ServiceUnavailableException", 'Model "noop" Version 1.0" has no worker'),
    ],
)
def test_what_cannot_be_predicted_is_told(serve: Serve, path: str, status: int, kind: str, message: str) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar")
        answer = await server.predict(path)
        assert answer.error[:2] == (status, kind)
        assert message in answer.error[2]

    serve(scenario)


def test_a_full_queue_is_unavailable_and_what_waits_is_answered(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        first = asyncio.gather(server.predict("noop"))
        await asyncio.wait_for(launcher.received.wait(), 20)
        second = asyncio.gather(server.predict("noop"))
        await pending(server, 1)
        assert (await server.predict("noop")).status == 503
        assert (await server.describe("noop"))[0]["jobQueueStatus"] == {"remainingCapacity": 0, "pendingRequests": 1}
        launcher.holding = False
        launcher.workers[0].reply(1)
        assert [answer.status for answer in [*await first, *await second]] == [200, 200]

    serve(scenario, launcher, job_queue_size=1)


def test_a_client_that_hangs_up_has_its_waiting_job_dropped(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        first = asyncio.gather(server.predict("noop"))
        await asyncio.wait_for(launcher.received.wait(), 20)
        async with ClientSession() as impatient:
            url = server.host.addresses["inference"] + "/predictions/noop"
            second = asyncio.gather(impatient.post(url, data=b"never seen"))
            await pending(server, 1)
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
        # The server has noticed by the time that a whole exchange on a later connection is over.
        await server.describe("noop")
        launcher.holding = False
        launcher.workers[0].reply(1)
        assert [answer.status for answer in await first] == [200]
        assert (await server.predict("noop", data=b"after")).status == 200
        sizes = [job["inputs"][0][2] for job in launcher.workers[0].jobs]
        assert sizes == [0, len(b"after")]

    serve(scenario, launcher)


async def pending(server: Server, jobs: int) -> None:
    """Wait until so many jobs are queued; requests change counters alone, so that they are asked for again."""
    async with asyncio.timeout(20):
        while server.engine.describe("noop")[0].queue.pending != jobs:  # noqa: ASYNC110 - the hot path tells nobody
            await asyncio.sleep(0)


def test_a_worker_that_dies_fails_what_it_had_in_torchserves_words(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        predicting = asyncio.gather(server.predict("noop"))
        await asyncio.wait_for(launcher.received.wait(), 20)
        launcher.workers[0].exit(137)
        (answer,) = await predicting
        assert answer.error == (507, "InternalServerException", "Worker died.")

    serve(scenario, launcher)


def test_ping_tells_whether_every_default_version_has_its_workers(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.ask("inference", "GET", "/ping")
        assert (answer.status, answer.text) == (200, "Healthy")
        await server.register("url=noop-1.0.mar&initial_workers=1")
        await until_state(server.engine, "noop", WorkerState.BACKING_OFF)
        assert (await server.ask("inference", "GET", "/ping")).status == 200
        never_again = b"maxRetryTimeoutInSec: 0"
        pack(
            server.store / "hopeless.mar", model_name="hopeless", handler="h.py", config_file="c.yaml",
            files={"h.py": b"", "c.yaml": never_again},
        )  # fmt: skip
        await server.register("url=hopeless.mar&initial_workers=1")
        await until_state(server.engine, "hopeless", WorkerState.FAILED)
        answer = await server.ask("inference", "GET", "/ping")
        assert (answer.status, answer.text) == (500, "Unhealthy")
        refused = await server.predict("hopeless")
        assert refused.status == 503
        assert "have failed: as asked. Mend that" in refused.headers["x-marina-reason"]

    serve(scenario, FakeLauncher(load_error="as asked"))


NO_WORKER = (
    'Model "noop" has no worker to serve inference request. Please use scale workers API to add workers. If this is a '
    "sequence inference, please check if it is closed, or expired; or exceeds maxSequenceJobQueueSize"
)


def test_once_loading_has_failed_requests_are_refused_at_once_with_the_cause(serve: Serve) -> None:
    launcher = FakeLauncher(loading=True)

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1")
        await until_state(server.engine, "noop", WorkerState.LOADING)
        waiting = asyncio.gather(server.predict("noop"))
        await pending(server, 1)
        launcher.load_error = "ImportError: no torch"
        launcher.workers[0].finish_loading()
        for refused in (*await waiting, await server.predict("noop"), await server.predict("noop")):
            assert refused.error == (503, "ServiceUnavailableException", NO_WORKER)
            assert "could not be loaded: ImportError: no torch. Marina tries" in refused.headers["x-marina-reason"]
        launcher.load_error, launcher.loading = "", False
        await until_state(server.engine, "noop", WorkerState.READY)
        assert (await server.predict("noop")).status == 200

    serve(scenario, launcher)


def test_requests_that_wait_when_the_workers_fail_for_good_get_the_cause(serve: Serve) -> None:
    launcher = FakeLauncher(loading=True)

    async def scenario(server: Server) -> None:
        pack(
            server.store / "noop.mar", model_name="noop", handler="h.py", config_file="c.yaml",
            files={"h.py": b"", "c.yaml": b"maxRetryTimeoutInSec: 0"},
        )  # fmt: skip
        await server.register("url=noop.mar&initial_workers=1")
        await until_state(server.engine, "noop", WorkerState.LOADING)
        waiting = asyncio.gather(server.predict("noop"))
        await pending(server, 1)
        launcher.load_error = "as asked"
        launcher.workers[0].finish_loading()
        (refused,) = await waiting
        assert refused.error == (503, "ServiceUnavailableException", NO_WORKER)
        assert "have failed: as asked. Mend that" in refused.headers["x-marina-reason"]

    serve(scenario, launcher)


def test_a_request_waits_for_a_retry_that_is_due_within_its_own_timeout(serve: Serve) -> None:
    launcher = FakeLauncher(load_error="as asked")

    async def scenario(server: Server) -> None:
        for name, timeout in (("patient", 60_000), ("impatient", 20)):
            config = f"clientTimeoutInMills: {timeout}".encode()
            pack(
                server.store / f"{name}.mar", model_name=name, handler="h.py", config_file="c.yaml",
                files={"h.py": b"", "c.yaml": config},
            )  # fmt: skip
            await server.register(f"url={name}.mar&initial_workers=1")
            await until_state(server.engine, name, WorkerState.BACKING_OFF)
        launcher.load_error = ""
        assert [(await server.predict(name)).status for name in ("impatient", "patient")] == [503, 200]

    serve(scenario, launcher)


def test_a_stop_lets_requests_in_flight_finish(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        predicting = asyncio.gather(server.predict("noop"))
        await asyncio.wait_for(launcher.received.wait(), 20)
        stopping = asyncio.gather(server.host.stop())
        await until(server.engine, lambda: server.engine.describe("noop")[0].state == "draining")
        launcher.workers[0].reply(1)
        assert [(answer.status, answer.body) for answer in await predicting] == [(200, b"OK")]
        await stopping
        assert server.host.addresses == {}

    serve(scenario, launcher)


def test_a_stop_waits_only_so_long(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = FakeLauncher(holding=True)
    monkeypatch.setattr("engine.engine.STOP_GRACE", 0.05)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        predicting = asyncio.gather(server.predict("noop", timeout=ClientTimeout(total=20)))
        await asyncio.wait_for(launcher.received.wait(), 20)
        await server.host.stop()
        assert [answer.error for answer in await predicting] == [(500, "InternalServerException", "Worker died.")]

    serve(scenario, launcher)
