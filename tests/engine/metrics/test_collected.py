"""One engine's metrics from start to end, without an engine."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.devices.inventory import Gpu
from engine.errors import UnavailableError
from engine.metrics.collected import Metrics
from engine.metrics.server import Figures
from engine.metrics.system import System
from engine.settings import Settings
from engine.workers.channel import Emitted

TIME = Emitted("PredictionTime", 1.5, "Milliseconds", "gauge", (("ModelName", "net"), ("Level", "Model")), ("a",))


def run(act: Callable[[Metrics], Awaitable[None]], **settings: Any) -> None:
    """Let `act` use metrics that have started, and close them."""

    async def main() -> None:
        metrics = Metrics(Settings(disable_system_metrics=True, **settings), Figures)
        await metrics.start()
        try:
            await act(metrics)
        finally:
            await metrics.aclose()

    asyncio.run(main())


def logged(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    lines = [line for one in caplog.records if one.name == name for line in one.getMessage().splitlines()]
    return [line.partition(" - ")[2] for line in lines]


def test_what_is_left_is_written_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def act(metrics: Metrics) -> None:
        metrics.answers.count(200)
        metrics.take("net", [TIME])
        metrics.took("net", 1.5, ("a",))
        assert await metrics.text() == b""

    run(act)
    assert [line.partition("|")[0] for line in logged(caplog, "TS_METRICS")] == ["Requests2XX.Count:1.0"]
    emitted, told = logged(caplog, "MODEL_METRICS")
    assert emitted == told
    assert told.startswith("PredictionTime.ms:1.5|#ModelName:net,Level:Model|#hostname:")


def test_for_prometheus_nothing_is_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def act(metrics: Metrics) -> None:
        metrics.answers.count(200)
        metrics.take("net", [TIME])
        assert len(metrics.families()) == 21
        assert [family.name for family in metrics.families(["PredictionTime", "none"])] == ["PredictionTime"]

    run(act, metrics_mode="prometheus")
    assert caplog.records == []


def test_traffic_is_kept_for_what_is_registered() -> None:
    async def act(metrics: Metrics) -> None:
        for asked in (("net", None), ("net", "1.0"), ("net", "2.0"), ("other", None)):
            metrics.traffic(*asked).requests += 1
        assert metrics.traffic("net", None) is metrics.traffic("net", None)
        metrics.retain({("net", "1.0"), ("third", "1.0")})
        [family] = metrics.families(["ts_inference_requests_total"])
        assert [tuple(one.labels.values())[:2] for one in family.samples] == [("net", "default"), ("net", "1.0")]

    run(act, metrics_mode="prometheus")


def test_closed_metrics_say_so_and_closing_twice_is_fine() -> None:
    async def act(metrics: Metrics) -> None:
        await metrics.aclose()
        with pytest.raises(UnavailableError, match="stopping"):
            await metrics.text()

    run(act)


def test_metrics_that_never_started_can_be_closed() -> None:
    async def main() -> None:
        await Metrics(Settings(), Figures).aclose()

    asyncio.run(main())


def test_system_metrics_are_sampled_again_after_an_error_which_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([OSError(errno.EMFILE, "too many open files")])
    sampled = asyncio.Event()

    def read(_: System) -> dict[str, float]:
        for error in errors:
            raise error
        return {"CPUUtilization": 6.0}

    monkeypatch.setattr(System, "read", read)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def gpus() -> tuple[Gpu, ...]:
            loop.call_soon(sampled.set)
            return ()

        metrics = Metrics(Settings(metric_time_interval=1, metrics_mode="prometheus"), Figures, gpus)
        await metrics.start()
        async with asyncio.timeout(10):
            await sampled.wait()
        text = await metrics.text(("CPUUtilization", "marina_task_failures_total"))
        await metrics.aclose()
        assert b'CPUUtilization{Level="Host"' in text
        assert b'marina_task_failures_total{task="system metrics"' in text

    asyncio.run(main())
