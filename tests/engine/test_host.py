"""A Host takes its addresses, or says who has them; and works with real worker processes."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.api.listener import holder_of
from engine.errors import AddressInUseError, SettingsError, StoreError
from engine.host import Host
from engine.settings import Address
from engine.snapshots import WorkerState
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings, serving, until_state

ECHO = """
def handle(data, context):
    if data is None:
        return None
    return [bytes(row.get("body") or b"nothing") for row in data]
"""
RAISES = """
print("about to fail")
raise RuntimeError("weights are missing")
"""


def start(root: Path, **settings: Any) -> None:
    """Start a Host, and stop it when it comes up all the same."""

    async def main() -> None:
        host = Host(make_settings(**settings), make_home(root))
        try:
            await host.start()
        finally:
            await host.stop()

    asyncio.run(main())


def test_addresses_are_known_while_it_runs_and_stopping_twice_is_fine(tmp_path: Path) -> None:
    async def main() -> None:
        host = Host(make_settings(), make_home(tmp_path))
        assert host.addresses == {}
        await host.start()
        assert list(host.addresses) == ["inference", "management", "metrics", "inference gRPC", "management gRPC"]
        starts = [address.rpartition(":")[0] for address in host.addresses.values()]
        assert starts == ["http://127.0.0.1"] * 3 + ["127.0.0.1"] * 2
        assert len(set(host.addresses.values())) == 5
        await host.stop()
        await host.stop()
        assert host.addresses == {}

    asyncio.run(main())


def test_the_usual_port_of_grpc_is_done_without_when_taken_and_a_chosen_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def start(**settings: Any) -> list[str]:
        host = Host(make_settings(**settings), make_home(tmp_path))
        try:
            await host.start()
            return list(host.addresses)
        finally:
            await host.stop()

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        names = asyncio.run(start(grpc_inference_port=port))
        assert "inference gRPC" not in names
        assert "management gRPC" in names
        assert f"Port {port}" in caplog.text
        chosen = {"grpc_inference_port": "config.properties line 1"}
        with pytest.raises(AddressInUseError, match=f"Port {port}"):
            asyncio.run(start(grpc_inference_port=port, sources=chosen))


def test_a_taken_port_names_its_holder_and_leaves_nothing_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            AddressInUseError, match=rf"Port {port} on 127\.0\.0\.1 is taken by .*\(process {os.getpid()}\)"
        ):
            start(tmp_path, management_address=Address("http", "127.0.0.1", port))
    assert holder_of(port) == ""


def test_a_port_that_is_taken_between_binding_and_listening_is_told_too(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]

        async def main() -> None:
            host = Host(make_settings(inference_address=Address("http", "127.0.0.1", port)), make_home(tmp_path))
            engine_start = host.engine.start

            async def late() -> None:
                other.listen()
                await engine_start()

            host.engine.start = late  # type: ignore[method-assign]
            with pytest.raises(AddressInUseError, match=f"Port {port}"):
                await host.start()

        asyncio.run(main())


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_told(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match=rf"Marina cannot listen on http://{host}:8080"):
        start(tmp_path, inference_address=Address("http", host, 8080))


def test_a_home_in_use_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(make_home(tmp_path), make_settings()):
            second = Host(make_settings(), make_home(tmp_path))
            with pytest.raises(StoreError, match="another Marina"):
                await second.start()

    asyncio.run(main())


def test_real_workers_serve_scale_and_leave(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, "echo", source=ECHO)

    async def main() -> None:
        async with serving(home, make_settings()) as server:
            answer = await server.register("url=echo-1.0.mar&initial_workers=1&synchronous=true")
            assert answer.text == 'Model "echo" Version: 1.0 registered with 1 initial workers'
            assert (await server.predict("echo", data=b"\x00\xff")).body == b"\x00\xff"
            pid = (await server.describe("echo"))[0]["workers"][0]["pid"]
            assert psutil.pid_exists(pid)
            assert (await server.manage("PUT", "/models/echo?min_worker=2&synchronous=true")).status == 200
            assert (await server.manage("PUT", "/models/echo?min_worker=1&synchronous=true")).status == 200
            assert (await server.predict("echo", data=b"again")).body == b"again"
        assert not psutil.pid_exists(pid)

    asyncio.run(main())


def test_a_real_handler_that_raises_while_it_loads_is_told(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, "broken", source=RAISES)

    async def main() -> None:
        async with serving(home, make_settings()) as server:
            answer = await server.register("url=broken-1.0.mar&initial_workers=1&synchronous=true")
            assert answer.error[0] == 500
            assert await server.names() == []
            answer = await server.register("url=broken-1.0.mar&initial_workers=1")
            assert answer.status == 202
            await until_state(server.engine, "broken", WorkerState.BACKING_OFF)
            (worker,) = (await server.describe("broken"))[0]["workers"]
            assert "weights are missing" in worker["lastDeath"]
            assert "RuntimeError" in worker["traceback"]

    asyncio.run(main())


def test_a_host_tells_the_headers_that_its_own_window_needs(tmp_path: Path) -> None:
    archive(make_home(tmp_path).model_store)
    settings = make_settings(sources={"disable_token_authorization": "command line"})

    async def main() -> None:
        async with serving(make_home(tmp_path), settings) as server:
            refused = await server.manage("GET", "/models")
            assert refused.error[0] == 401
            answer = await server.manage("GET", "/models", headers=server.host.authorization("management"))
            assert answer.json == {"models": []}
            inference, management = (server.host.authorization(name) for name in ("inference", "management"))
            assert inference != management
            assert server.host.authorization("metrics") == {}
        open_host = Host(make_settings(), make_home(tmp_path))
        assert open_host.authorization("management") == {}
        await open_host.stop()

    asyncio.run(main())
