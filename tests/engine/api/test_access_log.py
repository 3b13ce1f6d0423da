"""The access log has TorchServe's line for each answer, whichever way it went; without it answers cost nothing."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import pytest

from engine.metrics import access
from engine.metrics.access import AccessLog, Answered, access_line
from engine.settings.log_options import LogOptions
from tests.engine.api.conftest import Serve
from tests.engine.api.test_hot_path import costs_of
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

LINE = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3} - /127\.0\.0\.1:\d+ ("[^"]*" \d{3}) (\d+)')


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [line for one in caplog.records if one.name == "ACCESS_LOG" for line in one.getMessage().split("\n")]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    return [match[1] for match in found if match]


def test_each_answer_has_a_line(serve: Serve, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        await server.predict("noop", data=b"1")
        await server.predict("nope", data=b"1")
        await server.ask("inference", "GET", "/ping")
        await server.ask("metrics", "GET", "/metrics")
        await server.predict("noop", data=b"1" * 2000)

    serve(scenario, log_options=LogOptions(tmp_path, tmp_path), max_request_size=1000)
    assert logged(caplog) == [
        '"POST /models?url=noop-1.0.mar&initial_workers=1&synchronous=true HTTP/1.1" 200',
        '"POST /predictions/noop HTTP/1.1" 200',
        '"POST /predictions/nope HTTP/1.1" 404',
        '"GET /ping HTTP/1.1" 200',
        '"GET /metrics HTTP/1.1" 200',
        '"POST /predictions/noop HTTP/1.1" 413',
    ]


@pytest.mark.parametrize("options", [LogOptions(), LogOptions(metrics_folder=Path("m"))])
def test_without_torchserves_folder_there_is_no_access_log(
    serve: Serve, caplog: pytest.LogCaptureFixture, options: LogOptions
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario(server: Server) -> None:
        await server.ask("inference", "GET", "/ping")
        assert server.engine.metrics.access is None

    serve(scenario, log_options=options)
    assert logged(caplog) == []


def test_an_answer_costs_the_loop_two_calls_and_no_callback(
    serve: Serve, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """More than without an access log: one to note the answer, with what it calls, and the clock."""
    caplog.set_level(logging.INFO, "ACCESS_LOG")
    found = []

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        costs = await costs_of(server)
        found.append((min(one["calls"] for one in costs), min(one["callbacks"] for one in costs)))

    serve(scenario, FakeLauncher())
    serve(scenario, FakeLauncher(), log_options=LogOptions(tmp_path, tmp_path))
    (calls, callbacks), (calls_with, callbacks_with) = found
    assert calls < calls_with <= calls + 8
    assert callbacks_with == callbacks


def test_the_line_is_torchserves() -> None:
    line = access_line(Answered(0.25, ("::1", 4711, 0, 0), b"GET /ping HTTP/1.1\r\nHost: x", b"200", 0.0116))
    assert line.endswith(',250 - /[::1]:4711 "GET /ping HTTP/1.1" 200 12')
    line = access_line(Answered(0.0, "127.0.0.1:1", "gRPC a.B/C HTTP/2.0", 5, 0.0))
    assert line.endswith(' - /127.0.0.1:1 "gRPC a.B/C HTTP/2.0" 5 0')
    assert access_line(Answered(0.0, None, 'G\n"E /\x1b[0m HTTP/1.1', 400, 0.0)).endswith(
        '/ "G "E / [0m HTTP/1.1" 400 0'
    )


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/models?url=a.mar&initial_workers=1", "/models?url=a.mar&initial_workers=1"),
        ("/models?url=https://me:pw@h/a.mar?X-Amz-Signature=ab&X-Amz-Signature=cd&batch_size=1",
         "/models?url=https://***@h/a.mar?***&X-Amz-Signature=***&batch_size=1"),
        ("/models?url=https%3A%2F%2Fh%2Fa.mar%3Fsig%3Dab", "/models?url=https://h/a.mar?***"),
        ("/predictions/m?token=secret", "/predictions/m?token=***"),
    ],
)  # fmt: skip
def test_secrets_in_a_query_are_masked(target: str, shown: str) -> None:
    assert f'"POST {shown} HTTP/1.1" 200' in access_line(Answered(0.0, None, f"POST {target} HTTP/1.1", 200, 0.0))


def test_answers_that_nobody_writes_do_not_pile_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(access, "MOST_WAITING", 2)
    collected = AccessLog()
    for _ in range(5):
        collected.add(None, "GET / HTTP/1.1", 200, 0.0)
    assert len(collected.take()) == 2
    assert [one.getMessage() for one in caplog.records] == [
        "3 answers are missing in the access log: they came too fast to be written"
    ]
    assert collected.take() == []


def test_lines_are_written_while_the_server_runs(
    serve: Serve, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario(server: Server) -> None:
        for count in (1, 2):
            await server.ask("inference", "GET", "/ping")
            async with asyncio.timeout(5):
                while len(logged(caplog)) < count:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)

    serve(scenario, log_options=LogOptions(tmp_path, tmp_path))
