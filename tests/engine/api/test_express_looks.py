"""GETs that wait for nothing are answered in the express lane, as the other one does."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from engine.api import inference, management
from engine.engine import Engine
from tests.engine.api.conftest import Drive, Serve
from tests.support.lanes import Client, closed_lane, connect, lines_of, written
from tests.support.servers import Server

GUARDED = {"disable_token_authorization": "config.properties line 1"}
# Twice as deep as Python lets functions call each other.
MANY = 2000


class Seen(NamedTuple):
    """What a client got, and whether the express lane wrote it."""

    lines: list[bytes]
    body: bytes
    express: bool


async def look(server: Server, api: str, target: str, *fields: str, method: str = "GET", body: bytes = b"") -> Seen:
    client = await connect(server, api)
    with written() as found:
        client.send(f"{method} {target} HTTP/1.1", *fields, body=body)
        head, content = await client.answer()
    await client.close()
    return Seen(lines_of(head), content, found == [True])


async def by_either_lane(server: Server, *asked: str, **more: Any) -> Seen:
    """Return what came by the express lane, after a look at what comes by the other one."""
    quick = await look(server, *asked, **more)
    with closed_lane():
        other = await look(server, *asked, **more)
    assert quick[:2] == other[:2]
    assert not other.express
    return quick


TARGETS = [
    ("inference", "/ping", True),
    ("inference", "/predictions/noop", True),
    ("management", "/models", True),
    ("management", "/models/noop", True),
    ("management", "/models/noop/1.0", True),
    ("management", "/models/noop/all", True),
    ("management", "/v1/models/noop", True),
    ("management", "/acts", True),
    ("management", "/models?limit=1", False),
    ("management", "/models?", False),
    ("management", "/models/", False),
    ("management", "/models/no%6Fp", False),
    ("management", "/models/noop?customized=false", False),
    ("management", "/models/nobody", False),
    ("management", "/models/noop/7.0", False),
    ("management", "/api-description", False),
    ("management", "/nowhere", False),
    ("metrics", "/metrics", False),
]


@pytest.mark.parametrize(("api", "target", "express"), TARGETS)
def test_every_look_is_the_same_by_either_lane(drive: Drive, api: str, target: str, *, express: bool) -> None:
    async def scenario(server: Server, _client: Client) -> None:
        assert (await by_either_lane(server, api, target)).express == express

    drive(scenario)


def test_a_ping_of_a_server_that_is_not_well_is_the_same_by_either_lane(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=0")
        await server.manage("PUT", "/models/noop?min_worker=0")
        assert (await by_either_lane(server, "inference", "/ping")).express == server.engine.is_healthy()

    serve(scenario)


def test_what_looks_is_told_apart_from_what_acts(drive: Drive) -> None:
    async def scenario(server: Server, _client: Client) -> None:
        for method, target in (("OPTIONS", "/models/noop"), ("POST", "/models"), ("DELETE", "/models/noop")):
            assert not (await look(server, "management", target, method=method)).express
        assert await server.names() == []
        with_body = await by_either_lane(server, "management", "/models", body=b"{}")
        assert not with_body.express

    drive(scenario)


def test_each_look_sees_what_is_there_now(drive: Drive) -> None:
    async def scenario(server: Server, _client: Client) -> None:
        assert json.loads((await look(server, "management", "/models/noop")).body)[0]["modelVersion"] == "1.0"
        await server.register("url=noop-2.0.mar")
        await server.manage("PUT", "/models/noop/2.0/set-default")
        assert json.loads((await look(server, "management", "/models/noop")).body)[0]["modelVersion"] == "2.0"

    drive(scenario)


def test_answers_are_counted_and_carry_what_the_settings_ask_for(drive: Drive) -> None:
    async def scenario(server: Server, _client: Client) -> None:
        before = server.engine.metrics.answers.ok
        seen = await look(server, "management", "/models")
        assert seen.express
        assert b"Access-Control-Allow-Origin: https://page.example" in seen.lines
        assert server.engine.metrics.answers.ok == before + 1

    drive(scenario, cors_allowed_origin="https://page.example")


@pytest.mark.parametrize("field", ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"])
def test_a_page_that_may_not_look_is_refused_by_the_other_lane(drive: Drive, field: str) -> None:
    async def scenario(server: Server, _client: Client) -> None:
        seen = await by_either_lane(server, "management", "/models", field)
        assert not seen.express
        assert b"HTTP/1.1 403 Forbidden" in seen.lines

    drive(scenario)


def test_who_may_look_is_asked_each_time(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        written_keys = json.loads((server.engine.home.runtime / "key_file.json").read_text(encoding="utf-8"))
        known = {kind: f"Authorization: Bearer {entry['key']}" for kind, entry in written_keys.items()}
        for key in (known["inference"], known["API"], "Authorization: Bearer nonsense"):
            refused = await by_either_lane(server, "management", "/models", key)
            assert not refused.express
            assert b"HTTP/1.1 401 Unauthorized" in refused.lines
        assert (await by_either_lane(server, "management", "/models", known["management"])).express
        assert (await look(server, "management", "/token?type=management", known["API"])).body == b"\n"
        assert not (await look(server, "management", "/models", known["management"])).express

    serve(scenario, sources=GUARDED)


def test_as_many_looks_as_a_client_likes_may_come_in_one(drive: Drive) -> None:
    async def scenario(server: Server, _client: Client) -> None:
        client = await connect(server, "management")
        with written() as found:
            for _ in range(MANY):
                client.send("GET /models/noop HTTP/1.1")
            assert {(await client.answer())[1][:1] for _ in range(MANY)} == {b"["}
        await client.close()
        assert found[0]

    drive(scenario)


def test_what_is_answered_at_once_is_a_get() -> None:
    rows = [row for row in (*inference.OPERATIONS, *management.OPERATIONS) if row.at_once is not None]

    assert {row.name for row in rows} == {
        "ping",
        "listModels",
        "describeModel",
        "version_describeModel",
        "listActs",
        "modelReady",
    }
    assert all(row.methods in (None, ("GET",)) for row in rows)


def test_a_look_that_fails_is_told_by_the_other_lane(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_engine: Engine, *_given: Any) -> Any:
        raise RuntimeError("broken")

    async def scenario(server: Server, _client: Client) -> None:
        monkeypatch.setattr(Engine, "describe", broken)
        seen = await look(server, "management", "/models/noop")
        assert not seen.express
        assert b"HTTP/1.1 500 Internal Server Error" in seen.lines
        monkeypatch.undo()

    drive(scenario)
