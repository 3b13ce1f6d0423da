"""Attacks 1 to 9: what a web page, or a name that an attacker owns, can do against each listener."""

from __future__ import annotations

import re

import pytest

from engine.settings import Settings
from tests.attacks.conftest import APIS, Attacked, nothing_changed, send, status
from tests.support.servers import Server

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
PATHS = ("/", "/ping", "/models", "/predictions/noop", "/metrics", "/nowhere", "/models?url=noop-1.0.mar")
STRANGE_HOSTS = (
    "", ":{port}", "evil.example", "evil.example:{port}", "localhost:", "127.0.0.1:99999", "localhost.:{port}",
    "EVIL.EXAMPLE:{port}", "localhost.evil.example:{port}", "127.0.0.1.nip.io:{port}", "0.0.0.0:{port}",
    "[::ffff:127.0.0.1]:{port}", "[::1", "127.0.0.1:{port}:{port}", "user@127.0.0.1:{port}", "*",
)  # fmt: skip
ORIGINS = (
    "null", "file://", "https://localhost.evil.example", "http://localhost:3000", "http://evil.example:{port}",
    "https://{host}", "http://localhost:{port}.evil.example", "moz-extension://x", "*",
)  # fmt: skip


@pytest.mark.parametrize("api", APIS)
def test_1_a_strange_host_is_refused_for_every_method_and_path(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        for method in METHODS:
            for path in PATHS:
                answer = await send(server, api, f"{method} {path} HTTP/1.1\nHost: evil.example:{{port}}")
                assert status(answer) == 403, (method, path, answer)
        assert await nothing_changed(server)

    attacked(attack)


@pytest.mark.parametrize("api", APIS)
def test_2_every_form_of_a_wrong_host_is_refused(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        for host in STRANGE_HOSTS:
            answer = await send(server, api, f"GET /models HTTP/1.1\nHost: {host}")
            assert status(answer) in (400, 403), (host, answer)
        for head in (
            "GET /models HTTP/1.1",
            "GET /models HTTP/1.0\nHost: evil.example",
            "GET /models HTTP/1.1\nHost: {host}\nHost: {host}",
            "GET /models HTTP/1.1\nHost: {host}\nHost: evil.example",
            "GET http://evil.example/models HTTP/1.1\nHost: {host}",
            "GET http://{host}/models HTTP/1.1\nHost: evil.example",
            "GET http://{host}@evil.example/models HTTP/1.1\nHost: {host}",
        ):
            assert status(await send(server, api, head)) in (400, 403), head
        assert status(await send(server, api, "GET /nowhere HTTP/1.0")) == 404, "no browser speaks HTTP/1.0"
        for host in ("{host}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "localhost", "127.0.0.1:1"):
            assert status(await send(server, api, f"GET /nowhere HTTP/1.1\nHost: {host}")) == 404, host

    attacked(attack)


@pytest.mark.parametrize("api", APIS)
def test_3_an_origin_is_refused_unless_listed_even_where_it_equals_the_host(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        for origin in ORIGINS:
            answer = await send(server, api, f"GET /nowhere HTTP/1.1\nHost: {{host}}\nOrigin: {origin}")
            assert status(answer) == 403, (origin, answer)
        both = "GET /nowhere HTTP/1.1\nHost: evil.example:{port}\nOrigin: http://evil.example:{port}"
        assert status(await send(server, api, both)) == 403

    attacked(attack)


def test_4_requests_that_need_no_preflight_are_refused_from_a_page(attacked: Attacked) -> None:
    page = "Host: {host}\nOrigin: http://evil.example"
    site = "Host: {host}\nSec-Fetch-Site: cross-site"
    kinds = ("application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "multipart/form-data; boundary=x")

    async def attack(server: Server) -> None:
        body = b"url=noop-1.0.mar&initial_workers=1"
        length = f"Content-Length: {len(body)}"
        for head in (
            *(f"POST /models?url=noop-1.0.mar HTTP/1.1\n{page}\nContent-Type: {kind}\n{length}" for kind in kinds),
            f"POST /models HTTP/1.1\n{page}\nContent-Type: {kinds[0]}\n{length}",
            # An image and a navigation have no Origin; the browser says where they come from all the same.
            f"GET /models HTTP/1.1\n{site}\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image",
            f"GET /models HTTP/1.1\n{site}\nSec-Fetch-Mode: navigate",
        ):
            sent = body if length in head else b""
            assert status(await send(server, "management", head, sent)) == 403, head
        assert await nothing_changed(server)

    attacked(attack)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_5_another_site_changes_and_predicts_nothing(attacked: Attacked, site: str) -> None:
    async def attack(server: Server) -> None:
        for api, method, path in (
            ("management", "POST", "/models?url=noop-1.0.mar"),
            ("management", "PUT", "/models/noop?min_worker=1"),
            ("management", "DELETE", "/models/noop"),
            ("inference", "POST", "/predictions/noop"),
            ("inference", "GET", "/predictions/noop"),
            ("inference", "POST", "/v2/models/noop/infer"),
        ):
            head = f"{method} {path} HTTP/1.1\nHost: {{host}}\nSec-Fetch-Site: {site}\nContent-Length: 0"
            assert status(await send(server, api, head)) == 403
        assert await nothing_changed(server)

    attacked(attack)


@pytest.mark.parametrize("api", APIS)
def test_6_a_preflight_is_told_nothing_that_was_not_configured(attacked: Attacked, api: str) -> None:
    head = (
        "OPTIONS /models HTTP/1.1\nHost: {host}\nOrigin: http://evil.example\nAccess-Control-Request-Method: POST\n"
        "Access-Control-Request-Private-Network: true"
    )

    async def closed(server: Server) -> None:
        answer = await send(server, api, head)
        assert status(answer) == 403
        assert b"access-control" not in answer.lower()

    async def listed(server: Server) -> None:
        answer = (await send(server, api, head)).lower()
        assert b"access-control-allow-origin: https://lab.example\r\n" in answer
        assert b"evil.example\r\n" not in answer
        assert b"credentials" not in answer
        assert b"private-network" not in answer

    attacked(closed)
    attacked(listed, cors_allowed_origin="https://lab.example")


def test_7_every_listener_stands_on_loopback_unless_told_otherwise() -> None:
    settings = Settings()
    for address in (settings.inference_address, settings.management_address, settings.metrics_address):
        assert address.is_loopback


@pytest.mark.parametrize("api", APIS)
def test_8_the_refusal_names_the_setting(attacked: Attacked, api: str, caplog: pytest.LogCaptureFixture) -> None:
    async def attack(server: Server) -> None:
        answer = await send(server, api, "GET /ping HTTP/1.1\nHost: box.lab:{port}")
        assert b"allowed_hosts" in answer
        assert b"'box.lab:" in answer

    attacked(attack)
    assert [record for record in caplog.records if "allowed_hosts" in record.getMessage()]


@pytest.mark.parametrize("api", APIS)
def test_9_no_answer_can_be_framed_or_sniffed_and_none_is_html(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        for head in (
            "GET /models/<img%20src=x%20onerror=alert(1)> HTTP/1.1\nHost: {host}",
            "GET /predictions/<script>alert(1)</script> HTTP/1.1\nHost: {host}",
            "OPTIONS / HTTP/1.1\nHost: {host}",
            "HEAD /models HTTP/1.1\nHost: {host}",
            "GET /ping HTTP/1.1\nHost: evil.example",
            "BAD\x01 / HTTP/1.1\nHost: {host}",
        ):
            answer = (await send(server, api, head)).partition(b"\r\n\r\n")[0].lower()
            assert b"x-content-type-options: nosniff" in answer, (head, answer)
            assert b"x-frame-options: deny" in answer, (head, answer)
            assert not re.search(rb"content-type: (text/html|.*xml)", answer), (head, answer)

    attacked(attack)


def test_9_reading_changes_nothing(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        for method in ("GET", "HEAD", "OPTIONS"):
            for path in ("/models?url=noop-1.0.mar", "/models/noop?min_worker=1", "/models/noop/1.0/set-default"):
                await send(server, "management", f"{method} {path} HTTP/1.1\nHost: {{host}}")
        assert await nothing_changed(server)

    attacked(attack)
