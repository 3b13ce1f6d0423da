"""Attacks 10 to 14: calling without a token, with a wrong one, or by getting at the right one."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
import statistics
import time
from base64 import b64encode
from pathlib import Path

import psutil
import pytest

from engine.api.authorization import DELAY, FREE_MISSES
from engine.errors import SettingsError
from engine.exposure import require_guarded
from engine.host import Host
from engine.settings import Address, load
from engine.tokens import FILE_NAME, TOKEN_BYTES
from tests.attacks.conftest import Attacked, nothing_changed, send, status
from tests.support.archives import archive
from tests.support.servers import Server, make_home, make_settings, serving, worker_processes

TOKENS = {"sources": {"disable_token_authorization": "config.properties line 1"}}


def keys(server: Server) -> dict[str, str]:
    written = json.loads((server.engine.home.runtime / FILE_NAME).read_text(encoding="utf-8"))
    return {kind: entry["key"] for kind, entry in written.items()}


async def call(server: Server, api: str, authorization: str | None, path: str = "/models") -> tuple[int, bytes]:
    header = "" if authorization is None else f"\nAuthorization: {authorization}"
    answer = await send(server, api, f"GET {path} HTTP/1.1\nHost: {{host}}{header}")
    return status(answer), answer.partition(b"\r\n\r\n")[2]


def test_10_every_wrong_way_to_show_a_token_ends_alike(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        known = keys(server)
        right = known["management"]
        wrong = (
            None, "", "Bearer", "Bearer ", f"Basic {b64encode(right.encode()).decode()}", right, f"Bearer {right}x",
            f"Bearer {right[:-1]}", f"bearer{right}", f"Bearer {known['inference']}", f"Bearer {known['API']}",
            f"Bearer {right} {right}", "Bearer " + "A" * 8000,
        )  # fmt: skip
        answers = {await call(server, "management", authorization) for authorization in wrong}
        answers.add(await call(server, "management", None, f"/models?token={right}&Authorization=Bearer%20{right}"))
        assert len(answers) == 1
        assert next(iter(answers))[0] == 401
        assert (await call(server, "inference", f"Bearer {right}", "/models/noop"))[0] == 401
        assert (await call(server, "management", f"Bearer {right}"))[0] == 200
        assert (await call(server, "management", None, f"/token?type=management&key={known['API']}"))[0] == 401
        assert keys(server) == known

    attacked(attack, **TOKENS)


def test_10_a_token_ends_in_time_and_with_its_successor(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        old = keys(server)
        assert (await call(server, "management", f"Bearer {old['API']}", "/token?type=management"))[0] == 200
        assert (await call(server, "management", f"Bearer {old['management']}"))[0] == 401

    async def late(server: Server) -> None:
        assert (await call(server, "management", f"Bearer {keys(server)['management']}"))[0] == 401

    attacked(attack, **TOKENS)
    attacked(late, **TOKENS, token_expiration_min=0.0)


def test_10_tokens_are_long() -> None:
    assert TOKEN_BYTES >= 32


def test_11_the_key_file_is_the_owners_alone_and_goes_at_the_end(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.runtime.mkdir(parents=True, mode=0o700, exist_ok=True)
    bait = tmp_path / "bait"
    bait.write_text("untouched", encoding="utf-8")
    (home.runtime / FILE_NAME).symlink_to(bait)

    async def body() -> None:
        async with serving(home, make_settings(**TOKENS)) as server:
            path = home.runtime / FILE_NAME
            assert not path.is_symlink()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(home.runtime.stat().st_mode) == 0o700
            assert keys(server)

    asyncio.run(body())
    assert not (home.runtime / FILE_NAME).exists()
    assert bait.read_text(encoding="utf-8") == "untouched"


def test_11_tokens_are_in_no_log(attacked: Attacked, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def attack(server: Server) -> None:
        seen.extend(keys(server).values())
        for key in seen:
            await call(server, "management", f"Bearer {key}", f"/models/{key}")

    caplog.set_level(logging.DEBUG)
    attacked(attack, **TOKENS)
    assert seen
    assert not [key for key in seen if key in caplog.text]


@pytest.mark.parametrize(
    "line",
    [
        "disable_token_authorization=maybe", "token_expiration_min=-1", "management_address=0.0.0.0",
        "disable_token_authorisation=false", "allowed_host=*", "disable_token_auth=true",
    ],
)  # fmt: skip
def test_12_a_broken_configuration_does_not_start(tmp_path: Path, line: str) -> None:
    (tmp_path / "config.properties").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        require_guarded(
            load(["--ts-config", str(tmp_path / "config.properties")], {}, tmp_path, program="marina-server")
        )


def test_12_beyond_loopback_it_takes_two_switches_to_do_without_tokens(tmp_path: Path) -> None:
    wide = Address("http", "0.0.0.0", 0)
    with pytest.raises(SettingsError, match="insecure_network"):
        asyncio.run(
            Host(make_settings(inference_address=wide, disable_token_authorization=True), make_home(tmp_path)).start()
        )

    async def body() -> None:
        async with serving(make_home(tmp_path), make_settings(management_address=wide)) as server:
            assert keys(server)

    asyncio.run(body())


SHOWS_ITS_ENVIRONMENT = """
import os

def handle(data, context):
    return None if data is None else [repr((dict(os.environ), open("/proc/self/cmdline").read()))] * len(data)
"""


@pytest.mark.end_to_end
def test_13_a_handler_finds_no_token_and_workers_listen_nowhere(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, "spy", source=SHOWS_ITS_ENVIRONMENT)

    async def body() -> None:
        async with serving(home, make_settings(**TOKENS)) as server:
            known = keys(server)
            asked = {"Authorization": f"Bearer {known['management']}"}
            path = "/models?url=spy-1.0.mar&initial_workers=1&synchronous=true"
            assert (await server.manage("POST", path, headers=asked)).status == 200
            seen = await server.predict("spy", headers={"Authorization": f"Bearer {known['inference']}"})
            assert b"PATH" in seen.body
            assert not [key for key in known.values() if key.encode() in seen.body]
            for process in worker_processes():
                assert not [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]

    asyncio.run(body())


@pytest.mark.alone
def test_14_guessing_is_slowed_and_the_owner_is_not(attacked: Attacked) -> None:
    async def took(server: Server, authorization: str) -> float:
        started = time.monotonic()
        await call(server, "management", authorization)
        return time.monotonic() - started

    async def attack(server: Server) -> None:
        first = [await took(server, "Bearer guess") for _ in range(FREE_MISSES)]
        assert await took(server, "Bearer guess") >= DELAY * 0.9
        assert await took(server, f"Bearer {keys(server)['management']}") < DELAY
        assert statistics.median(first) < DELAY
        assert await nothing_changed_for_the_owner(server)

    attacked(attack, **TOKENS)


async def nothing_changed_for_the_owner(server: Server) -> bool:
    server.session.headers["Authorization"] = f"Bearer {keys(server)['management']}"
    return await nothing_changed(server)
