"""The metrics API over HTTP, and what it shows after traffic. Workers are fakes."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.errors import SettingsError
from engine.runtime.frames import Kind
from engine.settings import Address
from tests.engine.api.conftest import Serve
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

ONE_WORKER = "url=noop-1.0.mar&initial_workers=1&synchronous=true"
PROMETHEUS: dict[str, Any] = {"metrics_mode": "prometheus", "disable_system_metrics": True}
HOST = socket.gethostname()


async def shown(server: Server, query: str = "") -> dict[str, dict[tuple[str, ...], float]]:
    """Return value by label values by name; counters are read back without the `_total` that the parser adds."""
    answer = await server.ask("metrics", "GET", f"/metrics{query}")
    assert answer.status == 200
    families = text_string_to_metric_families(answer.body.decode())
    return {family.name: {tuple(one.labels.values()): one.value for one in family.samples} for family in families}


def test_metrics_are_answered_to_any_method_and_elsewhere_not(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        for method, path in (("GET", "/metrics"), ("POST", "/metrics/"), ("DELETE", "/metrics/more/still")):
            answer = await server.ask("metrics", method, path)
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert answer.headers["Pragma"] == "no-cache"
            assert len(answer.headers["x-request-id"]) == 36
        assert (await server.ask("metrics", "GET", "/models")).error[0] == 404
        assert (await server.ask("metrics", "GET", "/")).error[0] == 405
        assert (await server.ask("inference", "GET", "/metrics")).error[0] == 404
        assert (await server.ask("management", "GET", "/metrics")).error[0] == 404

    serve(scenario, **PROMETHEUS)


def test_the_documents_tell_of_metrics(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        documents = {api: (await server.ask(api, "OPTIONS", "/")).json for api in server.urls}
        assert list(documents["metrics"]["paths"]) == ["/metrics"]
        for document in documents.values():
            assert document["paths"]["/metrics"]["get"]["operationId"] == "metrics"
        assert (await server.ask("metrics", "GET", "/api-description")).json == documents["metrics"]

    serve(scenario, **PROMETHEUS)


def test_answers_of_every_port_are_counted_by_their_status(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.manage("GET", "/models")
        await server.ask("inference", "GET", "/ping")
        await server.predict("none")
        await server.ask("metrics", "GET", "/nothing")
        await server.register(ONE_WORKER)
        await server.predict("noop", data=b"x" * 2000)
        assert (await server.predict("noop")).status == 500
        found = await shown(server, "?name[]=Requests2XX&name[]=Requests4XX&name[]=Requests5XX")
        assert found == {
            "Requests2XX": {("Host", HOST): 3},
            "Requests4XX": {("Host", HOST): 2},
            "Requests5XX": {("Host", HOST): 1},
        }
        assert (await shown(server, "?name[]=Requests2XX"))["Requests2XX"] == {("Host", HOST): 4}

    serve(scenario, FakeLauncher(answer=(500, "", {}, b"failed")), max_request_size=1000, **PROMETHEUS)


def test_predictions_are_counted_by_how_they_were_asked_for(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        for path in ("noop", "noop", "noop/1.0", "none", "noop/9"):
            await server.predict(path, data=b"x")
        await server.manage("PUT", "/models/noop?min_worker=0&synchronous=true")
        assert (await server.predict("noop/1.0")).status == 503
        found = await shown(server)
        asked = found["ts_inference_requests"]
        assert asked == {("noop", "default", HOST): 2, ("noop", "1.0", HOST): 2}
        for name in ("ts_inference_latency_microseconds", "ts_queue_latency_microseconds"):
            assert found[name].keys() == asked.keys()
        latency = found["ts_inference_latency_microseconds"][("noop", "default", HOST)]
        assert 0 < found["ts_queue_latency_microseconds"][("noop", "default", HOST)] <= latency < 20e6
        assert found["QueueTime"].keys() == found["WorkerThreadTime"].keys() == {("Host", HOST)}

    serve(scenario, **PROMETHEUS)


def test_a_failed_prediction_has_no_latency(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        asking = asyncio.gather(server.predict("noop"))
        await asyncio.wait_for(launcher.received.wait(), 20)
        launcher.workers[0]._send(Kind.FAILED, {"batch": 1, "code": 503, "message": "no"})
        assert [answer.status for answer in await asking] == [503]
        found = await shown(server)
        assert found["ts_inference_requests"] == {("noop", "default", HOST): 1}
        assert found["ts_inference_latency_microseconds"] == {("noop", "default", HOST): 0}

    serve(scenario, launcher, **PROMETHEUS)


def test_workers_and_what_handlers_emit_are_shown_until_they_go(serve: Serve) -> None:
    launcher = FakeLauncher()
    dimensions = [["ModelName", "noop"], ["Level", "Model"]]
    time = {"name": "PredictionTime", "value": 2.5, "unit": "ms", "type": "gauge", "request_ids": ["a"]}

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        await server.predict("noop")
        load = launcher.workers[0].load
        assert [one["name"] for one in load["model_metrics"]["gauge"]] == ["HandlerTime", "PredictionTime"]
        assert Path(load["metrics_config"]).name == "metrics.yaml"
        launcher.workers[0]._send(Kind.METRICS, {"metrics": [{**time, "dimensions": dimensions}]})
        found = await shown(server)
        assert found["PredictionTime"] == {("noop", "Model", HOST): 2.5}
        [(worker, level, host)] = found["WorkerLoadTime"]
        assert (worker, level, host) == ("W-9000-noop_1.0", "Host", HOST)
        await server.manage("DELETE", "/models/noop")
        found = await shown(server)
        assert found["HandlerTime"] == found["PredictionTime"] == found["WorkerLoadTime"] == {}
        assert found["ts_inference_requests"] == {}

    serve(scenario, launcher, **PROMETHEUS)


def test_one_version_goes_and_the_models_numbers_stay(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        await server.register("url=noop-2.0.mar&initial_workers=1&synchronous=true")
        for path in ("noop", "noop/1.0", "noop/2.0"):
            await server.predict(path)
        await server.manage("DELETE", "/models/noop/2.0")
        asked = (await shown(server))["ts_inference_requests"]
        assert asked.keys() == {("noop", "default", HOST), ("noop", "1.0", HOST)}

    serve(scenario, **PROMETHEUS)


def test_the_machines_figures_are_read_at_once_unless_switched_off(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        async with asyncio.timeout(20):
            while not (found := await shown(server))["CPUUtilization"]:
                pass
        assert found["MemoryUsed"].keys() == found["DiskUsage"].keys() == {("Host", HOST)}
        assert found["GPUUtilization"] == {}

    serve(scenario, metrics_mode="prometheus")


@pytest.mark.parametrize(("mode", "names"), [("log", []), ("legacy", [
    "ts_inference_requests", "ts_inference_latency_microseconds", "ts_queue_latency_microseconds",
])])  # fmt: skip
def test_what_goes_to_the_logs_is_not_answered(
    serve: Serve, caplog: pytest.LogCaptureFixture, mode: str, names: list[str]
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        await server.predict("noop")
        assert list(await shown(server)) == names

    serve(scenario, metrics_mode=mode)
    lines = "\n".join(record.getMessage() for record in caplog.records if record.name == "TS_METRICS")
    assert re.search(rf"- Requests2XX\.Count:\d\.0\|#Level:Host\|#hostname:{HOST},timestamp:\d+$", lines, re.MULTILINE)
    assert ("ts_inference_requests_total.Count:1.0|#model_name:noop,model_version:default|" in lines) is (mode == "log")
    assert "WorkerLoadTime.Milliseconds:" not in lines or "|#WorkerName:W-9000-noop_1.0,Level:Host|" in lines


def test_metrics_may_be_declared_otherwise(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("ts_metrics: {counter: [{name: Requests2XX, unit: Answers, dimensions: [Where, Machine]}]}\n")

    async def scenario(server: Server) -> None:
        await server.manage("GET", "/models")
        text = (await server.ask("metrics", "GET", "/metrics")).body.decode()
        assert text == (
            "# HELP Requests2XX Torchserve prometheus counter metric with unit: Answers\n"
            f'# TYPE Requests2XX counter\nRequests2XX{{Where="Host",Machine="{HOST}",}} 1.0\n'
        )

    serve(scenario, metrics_config=file, **PROMETHEUS)


def test_an_unusable_declaration_keeps_the_server_from_starting(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("ts_metrics: 3\n")

    async def scenario(_server: Server) -> None:
        raise AssertionError("it started")

    with pytest.raises(SettingsError, match="ts_metrics is no mapping"):
        serve(scenario, metrics_config=file)


def test_a_declaration_that_cannot_be_filled_is_named(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("ts_metrics: {gauge: [{name: Requests2XX, dimensions: [Level, Hostname]}]}\n")

    async def scenario(server: Server) -> None:
        assert await shown(server) == {"Requests2XX": {}}

    serve(scenario, metrics_config=file, **PROMETHEUS)
    assert "Requests2XX is a counter with 2 dimensions; as it is declared there, it stays empty" in caplog.text


def test_the_metrics_address_may_stay_closed(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert list(server.urls) == ["inference", "management"]
        assert "/metrics" not in (await server.ask("inference", "OPTIONS", "/")).json["paths"]

    serve(scenario, enable_metrics_api=False)


def test_apis_at_one_address_share_a_listener(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert set(server.urls) == {"inference", "management", "metrics"}
        assert len(set(server.urls.values())) == 1
        await server.register(ONE_WORKER)
        assert (await server.predict("noop")).body == b"OK"
        assert (await server.ask("inference", "POST", "/models/noop/invoke")).body == b"OK"
        assert (await shown(server))["Requests2XX"] == {("Host", HOST): 3}
        paths = (await server.manage("OPTIONS", "/")).json["paths"]
        assert {"/", "/metrics", "/models", "/predictions/{model_name}"} <= paths.keys()

    apis = ("inference_address", "management_address", "metrics_address")
    serve(scenario, **dict.fromkeys(apis, free_address()), **PROMETHEUS)


def free_address() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return Address("http", "127.0.0.1", probe.getsockname()[1])


def test_two_tokens_at_one_address_are_refused(serve: Serve) -> None:
    async def scenario(_server: Server) -> None:
        raise AssertionError("it started")

    address = free_address()
    with pytest.raises(SettingsError, match="The inference and the management API have one address"):
        serve(
            scenario,
            inference_address=address,
            management_address=address,
            sources={"disable_token_authorization": "a test"},
        )


def test_a_metrics_port_that_is_taken_is_told_like_any_other(serve: Serve) -> None:
    async def scenario(_server: Server) -> None:
        raise AssertionError("it started")

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Exception, match=f"Port {port} on 127.0.0.1 is taken"):
            serve(scenario, metrics_address=Address("http", "127.0.0.1", port))


def test_a_stream_counts_once_and_its_latency_ends_with_it(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        asking = asyncio.gather(server.predict("noop"))
        await asyncio.wait_for(launcher.received.wait(), 20)
        meta = {"batch": 1, "results": [[1, 0, "", {}]]}
        launcher.workers[0]._send(Kind.PARTIAL, meta, b"a")
        found = await shown(server)
        assert found["ts_inference_latency_microseconds"] == {("noop", "default", HOST): 0}
        assert found["Requests2XX"] == {("Host", HOST): 1}
        launcher.workers[0].reply(1)
        assert [answer.body for answer in await asking] == [b"aOK"]
        found = await shown(server)
        assert found["ts_inference_latency_microseconds"][("noop", "default", HOST)] > 0
        assert found["Requests2XX"] == {("Host", HOST): 3}

    serve(scenario, launcher, **PROMETHEUS)
