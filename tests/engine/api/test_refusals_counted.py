"""Whatever a limit or a guard turns away is counted by its reason; without any the metrics are TorchServe's alone."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from tests.engine.api.conftest import Serve
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

FAMILY = "marina_refusals_total"


async def refusals(server: Server) -> dict[str, float]:
    """Return the counts by reason, as Prometheus reads them."""
    text = (await server.ask("metrics", "GET", "/metrics")).body.decode()
    lines = [line for line in text.splitlines() if line.startswith(FAMILY)]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in lines}


def test_without_a_refusal_there_is_no_such_family(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.ask("inference", "GET", "/ping")).status == 200
        assert FAMILY not in (await server.ask("metrics", "GET", "/metrics")).body.decode()

    serve(scenario, metrics_mode="prometheus")


def test_requests_that_are_turned_away_are_counted_by_the_reason(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        strange = await server.ask("inference", "GET", "/ping", headers={"Host": "evil.example"})
        large = await server.predict("noop", data=bytes(101))
        await server.register("url=noop-1.0.mar&initial_workers=0")
        idle = await server.predict("noop", data=b"x")
        assert (strange.status, large.status, idle.status) == (403, 413, 503)
        assert await refusals(server) == {"caller": 1, "queue": 1, "size": 1}

    serve(scenario, metrics_mode="prometheus", max_request_size=100)


def test_requests_that_no_memory_is_left_for_are_counted(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.predict("noop", data=bytes(11))).status == 503
        assert await refusals(server) == {"memory": 1}

    serve(scenario, metrics_mode="prometheus", max_request_memory=10)


def test_requests_without_a_token_are_counted(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.predict("noop")).status == 401
        assert await refusals(server) == {"token": 1}

    sources = {"disable_token_authorization": "config.properties line 1"}
    serve(scenario, metrics_mode="prometheus", sources=sources)


def test_connections_that_are_turned_away_or_stand_still_are_counted(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        where = urlsplit(server.host.addresses["inference"])
        async with asyncio.TaskGroup() as busy:
            busy.create_task(server.predict("noop", data=b"x"))
            await launcher.received.wait()
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            assert b" 503 " in await reader.read()
            writer.close()
            launcher.workers[0].reply(1)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        assert await refusals(server) == {"connections": 1, "stalled": 1}

    serve(scenario, launcher, metrics_mode="prometheus", max_connections=1, stalled_connection_timeout=1)
