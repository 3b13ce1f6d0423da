"""What every answer says, whoever makes it."""

from __future__ import annotations

import pytest

from tests.engine.api.conftest import Serve
from tests.support.servers import Server

ORIGIN = "https://pages.example"
EVERY_HEADER = {
    "cors_allowed_origin": ORIGIN,
    "cors_allowed_methods": "GET, POST",
    "cors_allowed_headers": "X-Custom",
}


@pytest.mark.parametrize(
    ("api", "path", "status"),
    [("inference", "/ping", 200), ("management", "/models", 200), ("management", "/models/none", 404)],
)
def test_every_answer_carries_the_headers_for_other_origins(serve: Serve, api: str, path: str, status: int) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.ask(api, "GET", path)
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
        assert answer.headers["Access-Control-Allow-Headers"] == "X-Custom"

    serve(scenario, **EVERY_HEADER)


def test_no_answer_carries_headers_for_other_origins_unless_asked(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.manage("GET", "/models", headers={"Origin": ORIGIN})
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]

    serve(scenario)


def test_no_answer_tells_what_it_was_made_with(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert "Server" not in (await server.manage("GET", "/models")).headers

    serve(scenario)


@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        ("/models", {}, "keep-alive"),
        ("/models", {"Connection": "close"}, "close"),
        ("/models/none", {}, "close"),
    ],
)
def test_an_answer_says_whether_the_connection_stays(
    serve: Serve, path: str, headers: dict[str, str], said: str
) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.manage("GET", path, headers=headers)
        assert answer.headers.getall("Connection") == [said]  # type: ignore[attr-defined]  # aiohttp's own mapping

    serve(scenario)
