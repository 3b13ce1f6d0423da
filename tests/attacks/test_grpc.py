"""Attacks on the gRPC ports: pages, names that resolve to this machine, other networks, tokens, sizes and numbers."""

from __future__ import annotations

import asyncio
import logging
import socket
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import grpc
import psutil
import pytest

from tests.attacks.conftest import Attacked, nothing_changed
from tests.support.rpc_client import Ended, client_of
from tests.support.servers import Server

APIS = ("inference gRPC", "management gRPC")
CALLS = {"inference gRPC": ("inference", "Ping"), "management gRPC": ("management", "ListModels")}
TOKENS = {"sources": {"disable_token_authorization": "config.properties line 1"}}
BAD_NUMBERS = (10**9, 2**31 - 1)


async def ask(server: Server, api: str, *metadata: tuple[str, Any]) -> Ended:
    async with client_of(server, metadata=metadata) as client:
        name, rpc = CALLS[api]
        return await client.one(name, rpc)


async def raw(server: Server, api: str, data: bytes) -> bytes:
    """Send bytes and return what comes back before the server closes or has nothing more to say."""
    where = urlsplit(f"//{server.host.addresses[api]}")
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("api", APIS)
def test_1_a_browser_without_tls_gets_no_answer_under_any_name(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        _, rpc = CALLS[api]
        for host in ("evil.example", "127.0.0.1", ""):
            for method in ("GET", "POST", "OPTIONS"):
                answer = await raw(server, api, f"{method} /{rpc} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert not answer.startswith(b"HTTP/")
                assert b"modelName" not in answer
        assert await nothing_changed(server)

    attacked(attack)


@pytest.mark.parametrize("api", APIS)
def test_2_a_page_may_not_call_even_where_its_name_is_the_servers(
    attacked: Attacked, api: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def attack(server: Server) -> None:
        for origin in ("null", "file://", "http://evil.example", f"http://{server.host.addresses[api]}", "*", ""):
            refused = await ask(server, api, ("origin", origin))
            assert refused.code == "PERMISSION_DENIED", origin
            assert "cors_allowed_origin" in refused.text
        for site in ("cross-site", "same-site"):
            assert (await ask(server, api, ("sec-fetch-site", site))).code == "PERMISSION_DENIED"
        assert (await ask(server, api)).code == "OK"

    with caplog.at_level(logging.WARNING):
        attacked(attack)
    assert "Refused /org.pytorch.serve.grpc." in caplog.text


@pytest.mark.parametrize("api", APIS)
def test_3_a_page_that_the_settings_list_may_call(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        assert (await ask(server, api, ("origin", "https://dashboard.lab"))).code == "OK"

    attacked(attack, cors_allowed_origin="https://dashboard.lab")


@pytest.mark.parametrize("api", APIS)
def test_7_it_listens_on_this_machine_alone(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        port = int(server.host.addresses[api].rpartition(":")[2])
        listening = [one for one in psutil.Process().net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        # grpcio may write the address as IPv6 does.
        assert {one.laddr.ip.removeprefix("::ffff:") for one in listening if one.laddr.port == port} == {"127.0.0.1"}
        others = {
            one.address for found in psutil.net_if_addrs().values() for one in found if one.family is socket.AF_INET
        }
        for host in others - {"127.0.0.1"}:
            with socket.socket() as probe:
                assert probe.connect_ex((host, port)) != 0, host

    attacked(attack)


@pytest.mark.parametrize("api", APIS)
def test_10_every_wrong_way_to_show_a_token_ends_alike(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        own = api.partition(" ")[0]
        right = server.host.authorization(own)["Authorization"].removeprefix("Bearer ")
        other = server.host.authorization("management" if own == "inference" else "inference")["Authorization"]
        wrong = (
            None, "", "Bearer", f"Basic {b64encode(right.encode()).decode()}", right, f"Bearer {right}x",
            f"Bearer {right[:-1]}", f"bearer {right}", other, f"Bearer {right} {right}",
        )  # fmt: skip
        ends = set()
        for one in wrong:
            ended = await ask(server, api, *(() if one is None else (("authorization", one),)))
            ends.add((ended.status, tuple(ended.trailing)))
        assert len(ends) == 1
        assert next(iter(ends))[0][0] == "UNAUTHENTICATED"
        assert (await ask(server, api, ("authorization", f"Bearer {right}"))).code == "OK"
        assert (await ask(server, api, ("authorization-bin", f"Bearer {right}".encode()))).code == "UNAUTHENTICATED"

    attacked(attack, **TOKENS, open_ping=False)


@pytest.mark.parametrize(
    "service", ["grpc.health.v1.Health/Check", "grpc.reflection.v1alpha.ServerReflection/X", "a/b"]
)
def test_10_nothing_is_told_without_a_token(attacked: Attacked, service: str) -> None:
    async def attack(server: Server) -> None:
        async with grpc.aio.insecure_channel(server.host.addresses["management gRPC"]) as channel:
            call: Any = channel.unary_unary(f"/{service}")
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(b"", timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED

    attacked(attack, **TOKENS, open_ping=False)


def test_15_an_archive_comes_from_where_rest_lets_it_come_from(attacked: Attacked) -> None:
    urls = (
        "file:///etc/passwd", "http://127.0.0.1:1/x.mar", "http://169.254.169.254/x.mar", "../noop-1.0.mar",
        "http://[::ffff:127.0.0.1]/x.mar", "ftp://example.org/x.mar", "/etc/passwd",
    )  # fmt: skip

    async def attack(server: Server) -> None:
        async with client_of(server) as client:
            for url in urls:
                ended = await client.manage("RegisterModel", url=url)
                assert ended.code in {"NOT_FOUND", "INVALID_ARGUMENT"}, (url, ended)
                rest = await server.register(f"url={url}")
                assert ended.text == rest.error[2]
        assert await nothing_changed(server)

    attacked(attack)


@pytest.mark.parametrize("api", APIS)
def test_31_what_is_too_large_or_no_http2_is_refused_and_others_are_served(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        async with client_of(server) as client:
            huge = {"model_name": "x" * 2000} if api == APIS[1] else {"model_name": "noop", "input": {"a": b"x" * 2000}}
            name, rpc = ("management", "DescribeModel") if api == APIS[1] else ("inference", "Predictions")
            assert (await client.one(name, rpc, **huge)).code == "RESOURCE_EXHAUSTED"
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        for junk in (
            b"\x00" * 4096,
            preface + b"\xff" * 4096,
            preface + b"\x00\xff\xff\x01\x05\x00\x00\x00\x01" + b"a" * 90,
        ):
            await raw(server, api, junk)
        async with client_of(server, metadata=(("x-flood", "a" * 100_000),)) as client:
            assert (await client.one(*CALLS[api])).code != "OK"
        assert (await ask(server, api)).code == "OK"

    attacked(attack, max_request_size=1000)


@pytest.mark.parametrize("number", BAD_NUMBERS)
def test_32_numbers_out_of_range_leave_nothing_half_done(attacked: Attacked, number: int) -> None:
    async def attack(server: Server) -> None:
        async with client_of(server) as client:
            for field in ("batch_size", "initial_workers", "max_batch_delay"):
                ended = await client.manage("RegisterModel", url="noop-1.0.mar", **{field: number})
                assert ended.code == "INVALID_ARGUMENT"
                assert field in ended.text
            assert (await client.manage("ScaleWorker", model_name="noop", min_worker=number)).code == "INVALID_ARGUMENT"
        assert await nothing_changed(server)

    attacked(attack)
