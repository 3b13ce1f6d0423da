"""gRPC servers: addresses, TLS, tokens, health, reflection, other loops, a real worker, and life without grpcio."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from engine.errors import AddressInUseError, SettingsError
from engine.host import Host
from engine.rpc import interface
from engine.settings.log_options import LogOptions
from engine.tokens import TokenKind
from tests.engine.rpc.conftest import Call
from tests.support.archives import archive
from tests.support.certificates import make_certificate
from tests.support.rpc_client import RpcClient, client_of
from tests.support.servers import Server, make_home, make_settings, serving
from tests.support.workers import FakeLauncher

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

TOKENS = {"sources": {"disable_token_authorization": "config.properties line 1"}}
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
REFUSED = "Token Authorization failed. Token either incorrect, expired, or not provided correctly"
# The port is somebody's wish, and so not done without.
CHOSEN = {"grpc_inference_port": "a test", "grpc_management_port": "a test"}
ECHO = """
from ts.handler_utils.utils import send_intermediate_predict_response

def handle(data, context):
    if data is None:
        return None
    wish = bytes(data[0]["data"])
    if wish == b"parts":
        send_intermediate_predict_response([b"one"], context.request_ids, "", 200, context)
        return [b"two"]
    return [wish + context.get_request_header(0, "x-mine").encode()]
"""


def test_a_taken_port_names_its_holder_and_leaves_nothing_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        async def main() -> None:
            host = Host(make_settings(grpc_management_port=port, sources=CHOSEN), make_home(tmp_path))
            with pytest.raises(AddressInUseError, match=rf"Port {port} on 127\.0\.0\.1 is taken by .*{os.getpid()}"):
                await host.start()

        asyncio.run(main())


def test_a_port_that_is_taken_between_binding_and_opening_is_told_too(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]

        async def main() -> None:
            host = Host(make_settings(grpc_inference_port=port), make_home(tmp_path))
            engine_start = host.engine.start

            async def late() -> None:
                other.listen()
                await engine_start()

            host.engine.start = late  # type: ignore[method-assign]
            with pytest.raises(AddressInUseError, match=f"Port {port}"):
                await host.start()

        asyncio.run(main())


def test_a_second_host_cannot_share_a_port(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(make_home(tmp_path / "a"), make_settings()) as server:
            port = int(server.host.addresses["inference gRPC"].rpartition(":")[2])
            second = Host(make_settings(grpc_inference_port=port, sources=CHOSEN), make_home(tmp_path / "b"))
            with pytest.raises(AddressInUseError, match=f"Port {port}"):
                await second.start()

    asyncio.run(main())


def test_a_host_that_is_not_ours_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        host = Host(make_settings(grpc_inference_address="192.0.2.1"), make_home(tmp_path))
        with pytest.raises(SettingsError, match=r"Marina cannot listen on grpc://192\.0\.2\.1:0"):
            await host.start()

    asyncio.run(main())


def test_tls_with_the_certificate_of_rest(call: Call, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    trusted = grpc.ssl_channel_credentials(certificate.read_bytes())

    async def scenario(client: RpcClient, server: Server) -> None:
        assert (await client.one("inference", "Ping")).code == "OK"
        async with client_of(server) as plain:
            assert (await plain.one("inference", "Ping")).code == "UNAVAILABLE"

    files = {"certificate_file": certificate, "private_key_file": key}
    call(scenario, options={"credentials": trusted}, enable_grpc_ssl=True, **files)


def test_tls_without_a_certificate_does_not_start(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(SettingsError, match="needs certificate_file and private_key_file"):
            async with serving(make_home(tmp_path), make_settings(enable_grpc_ssl=True)):
                pass

    asyncio.run(main())


@pytest.mark.parametrize(
    ("dialect", "code"), [("document", "UNAUTHENTICATED"), ("torchserve-0.12", "PERMISSION_DENIED")]
)
def test_a_call_needs_the_token_of_its_port(call: Call, dialect: str, code: str) -> None:
    async def scenario(client: RpcClient, server: Server) -> None:
        for name, rpc in (("inference", "Ping"), ("management", "ListModels")):
            assert (await client.one(name, rpc)).status == (code, REFUSED)
        assert await client.stream(model_name="noop") == [(code, REFUSED)]
        assert await client.sequence({"model_name": "noop"}) == [(code, REFUSED)]
        for kind in TokenKind:
            bearer = server.host.authorization(kind.value)["Authorization"]
            async with client_of(server, metadata=(("authorization", bearer),)) as allowed:
                codes = [(await allowed.one("inference", "Ping")).code, (await allowed.manage("ListModels")).code]
            assert codes == (["OK", code] if kind is TokenKind.INFERENCE else [code, "OK"])

    call(scenario, api_dialect=dialect, open_ping=False, **TOKENS)


def test_a_ping_needs_no_token_and_handlers_see_none(call: Call) -> None:
    launcher = FakeLauncher()

    async def scenario(client: RpcClient, server: Server) -> None:
        assert (await client.one("inference", "Ping")).code == "OK"
        assert (await client.one("management", "ListModels")).code == "UNAUTHENTICATED"
        for kind in TokenKind:
            bearer = server.host.authorization(kind.value)["Authorization"]
            async with client_of(server, metadata=(("authorization", bearer), ("x-kept", "yes"))) as allowed:
                if kind is TokenKind.MANAGEMENT:
                    registered = await allowed.manage("RegisterModel", url="noop-1.0.mar", initial_workers=1)
                    assert registered.code == "OK"
                else:
                    await allowed.stream(model_name="noop")

    call(scenario, launcher, **TOKENS)
    headers = launcher.workers[0].jobs[0]["headers"]
    assert headers["x-kept"] == "yes"
    assert "authorization" not in headers


def test_health_and_reflection_are_there(call: Call) -> None:
    async def scenario(_client: RpcClient, server: Server) -> None:
        async with grpc.aio.insecure_channel(server.host.addresses["management gRPC"]) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            for service in ("", interface.MANAGEMENT_SERVICE):
                answer = await check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            reflect = channel.stream_stream(
                f"/{REFLECTION}/ServerReflectionInfo",
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )
            asked = [
                reflection_pb2.ServerReflectionRequest(list_services=""),
                reflection_pb2.ServerReflectionRequest(file_containing_symbol=interface.MANAGEMENT_SERVICE),
                reflection_pb2.ServerReflectionRequest(file_containing_symbol="grpc.health.v1.Health"),
            ]
            listed, *files = [answer async for answer in reflect(iter(asked))]
            names = {service.name for service in listed.list_services_response.service}
            assert names == {
                interface.MANAGEMENT_SERVICE,
                "grpc.health.v1.Health",
                REFLECTION,
            }
            assert all(one.file_descriptor_response.file_descriptor_proto for one in files)

    call(scenario)


def test_where_grpcio_is_missing_the_rest_starts_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in sys.modules if name.startswith("engine.rpc") and name != "engine.rpc.doors"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "grpc", None)

    async def main() -> None:
        async with serving(make_home(tmp_path), make_settings()) as server:
            assert list(server.host.addresses) == ["inference", "management", "metrics"]

    asyncio.run(main())
    assert "gRPC is off" in caplog.text


def test_descriptors_that_nobody_made_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "DESCRIPTORS", tmp_path / "interface.binpb")
    with pytest.raises(ImportError, match="pip install -e"):
        interface._pool()


def by_uvloop(main: Coroutine[Any, Any, None]) -> None:
    uvloop = importlib.import_module("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def every_kind(launcher: FakeLauncher) -> Callable[[RpcClient, Server], Coroutine[Any, Any, None]]:
    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", url="sequences-1.0.mar", initial_workers=1, synchronous=True)
        assert (await client.predict("sequences")).answer.prediction == b"OK"
        assert [part.prediction for part in await client.stream(model_name="sequences")] == [b"OK"]
        request = {"model_name": "sequences", "sequence_id": "a"}
        assert [part.prediction for part in await client.sequence(request, request)] == [b"OK", b"OK"]
        launcher.holding = True
        assert (await client.predict("zz")).code == "NOT_FOUND"

    return scenario


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop on Windows")
def test_every_kind_of_call_on_uvloop(call: Call) -> None:
    launcher = FakeLauncher()
    call(every_kind(launcher), launcher, runner=by_uvloop)


def test_every_kind_of_call_on_the_windows_loop(call: Call, qapp: QApplication) -> None:
    loop = importlib.import_module("gui.loop").Loop(qapp)
    asyncio.set_event_loop(loop)
    launcher = FakeLauncher()
    try:
        call(every_kind(launcher), launcher, runner=loop.run_until_complete)
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def test_a_real_worker_answers_whole_and_in_parts(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, "echo", source=ECHO)

    async def main() -> None:
        async with serving(home, make_settings()) as server, client_of(server, metadata=(("x-mine", "7"),)) as client:
            done = await client.manage("RegisterModel", url="echo-1.0.mar", initial_workers=1, synchronous=True)
            assert done.code == "OK"
            assert (await client.predict("echo", b"hello")).answer.prediction == b"hello7"
            parts = await client.stream(model_name="echo", input={"data": b"parts"})
            assert [part.prediction for part in parts] == [b"one", b"two"]

    asyncio.run(main())


def test_calls_have_lines_in_the_access_log(call: Call, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.one("inference", "Ping")
        await client.one("inference", "Predictions", model_name="nope", input={"a": b"1"})

    call(scenario, log_options=LogOptions(tmp_path, tmp_path))
    lines = [line for one in caplog.records if one.name == "ACCESS_LOG" for line in one.getMessage().split("\n")]
    service = "org.pytorch.serve.grpc.inference.InferenceAPIsService"
    assert [re.sub(r"^\S+ - /127\.0\.0\.1:\d+ | \d+$", "", line) for line in lines] == [
        f'"gRPC {service}/Ping HTTP/2.0" 0',
        f'"gRPC {service}/Predictions HTTP/2.0" 5',
    ]
