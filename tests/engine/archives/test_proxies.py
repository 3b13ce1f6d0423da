"""Proxies of the environment: which one is taken, what goes through it, and what it cannot be used to reach."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from yarl import URL

from engine.archives.connecting import look_up
from engine.archives.download import Downloader, Wish
from engine.archives.proxies import proxy_for
from engine.errors import ArchiveNotFoundError, DownloadError
from engine.threads import Threads
from tests.support.archives import archive
from tests.support.loops import real_time

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *(name.upper() for name in NAMES), "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, "http://h/x.mar", None),
        ({"http_proxy": "http://p:3128"}, "http://h/x.mar", "http://p:3128"),
        ({"http_proxy": "p:3128"}, "http://h/x.mar", "http://p:3128"),
        ({"http_proxy": "http://p:3128"}, "https://h/x.mar", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://h/x.mar", "http://p:3128"),
        ({"all_proxy": "http://p:3128"}, "https://h/x.mar", "http://p:3128"),
        ({"https_proxy": "http://p:3128", "no_proxy": ".h.example"}, "https://a.h.example/x.mar", None),
        ({"https_proxy": "http://p:3128", "no_proxy": "h:8443"}, "https://h:8443/x.mar", None),
        ({"https_proxy": "http://p:3128", "no_proxy": "*"}, "https://h/x.mar", None),
        ({"all_proxy": "http://p:3128"}, "http://127.0.0.2:9000/x.mar", None),
        ({"all_proxy": "http://p:3128"}, "http://localhost:9000/x.mar", None),
        ({"all_proxy": "http://p:3128"}, "http://[::1]/x.mar", None),
    ],
)
def test_which_proxy_is_taken(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, proxy: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = proxy_for(URL(url))
    assert (str(found.url).rstrip("/") if found else None) == proxy


def test_name_and_password_are_taken_out_of_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:s%40cret@p:3128")
    found = proxy_for(URL("http://h/x.mar"))
    assert found is not None
    assert found.headers == {"Proxy-Authorization": f"Basic {base64.b64encode(b'me:s@cret').decode()}"}
    assert "Basic" not in repr(found)
    assert "cret" not in repr(found)


@pytest.mark.parametrize("proxy", ["socks5://p:1080", "http://", "http://[::1"])
def test_what_is_no_proxy_for_http_is_refused(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(OSError, match="the proxy of the environment is no http or https URL"):
        proxy_for(URL("http://h/x.mar"))


@dataclass
class Proxy:
    """Answers every request itself: with `content`, or with a refusal when there is none."""

    content: bytes
    port: int = 0
    heads: list[bytes] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        status = "200 OK" if self.content else "407 Proxy Authentication Required"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(self.content)}\r\n\r\n".encode() + self.content)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def proxied(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, allowed: tuple[str, ...] | None = None
) -> AsyncIterator[tuple[Proxy, Downloader]]:
    """Run a proxy that the environment names, and give a downloader; every name but the proxy's is unknown here."""

    async def look_up_proxy(host: str, port: int) -> list[str]:
        if host == "elsewhere.example":
            raise OSError("unknown")
        return ["10.0.0.7"] if host == "inside.example" else await look_up(host, port)

    found, threads = Proxy(content), Threads("test-disk", 1)
    (folder / "store").mkdir()
    async with await asyncio.start_server(found.answer, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://me:secret@127.0.0.1:{found.port}")
        try:
            yield found, Downloader(allowed, folder / "store", threads, lookup=look_up_proxy)
        finally:
            threads.close()


@real_time
async def test_a_host_that_only_the_proxy_knows_is_fetched_through_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = archive(tmp_path).read_bytes()
    async with proxied(tmp_path, monkeypatch, content) as (proxy, downloader):
        path = await downloader.fetch(Wish("http://elsewhere.example/x.mar"))
        assert path.read_bytes() == content
        [head] = proxy.heads
        assert head.startswith(b"GET http://elsewhere.example/x.mar HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in head


@pytest.mark.parametrize(
    "url", ["http://inside.example/x.mar", "http://10.1.2.3/x.mar", "http://169.254.169.254/x.mar", "http://0x7f.1/x"]
)
def test_a_proxy_is_not_asked_for_what_is_known_to_be_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    @real_time
    async def scenario() -> None:
        async with proxied(tmp_path, monkeypatch, b"") as (proxy, downloader):
            with pytest.raises(ArchiveNotFoundError, match="allowed_urls"):
                await downloader.fetch(Wish(url))
            assert proxy.heads == []

    scenario()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_a_failure_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, scheme: str
) -> None:
    @real_time
    async def scenario() -> None:
        async with proxied(tmp_path, monkeypatch, b"") as (proxy, downloader):
            with pytest.raises(DownloadError):
                await downloader.fetch(Wish(f"{scheme}://elsewhere.example/x.mar"))
            assert len(proxy.heads) == 1
            assert "407" in caplog.text
            assert "secret" not in caplog.text
            assert "bWU6c2VjcmV0" not in caplog.text

    scenario()
