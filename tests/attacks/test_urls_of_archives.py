"""Attacks 15 to 21: what a `url=` can make the server fetch, read or overwrite."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from engine.archives import receiving
from engine.tasks import TaskGroup
from tests.attacks.conftest import Attacked, nothing_changed
from tests.support.archives import archive
from tests.support.servers import Answer, Server
from tests.support.upstream import upstream

EVERYTHING = ("(http|https|file|s3)://.*",)


async def register(server: Server, url: str, more: str = "") -> Answer:
    return await server.register(f"url={quote(url, safe='')}{more}")


async def refused(server: Server, url: str, more: str = "") -> bool:
    """Whether a registration is answered 4xx and leaves nothing, not even a file on its way."""
    answer = await register(server, url, more)
    return 400 <= answer.status < 500 and await nothing_changed(server)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1", "localhost", "localhost.", "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    ],
)  # fmt: skip
def test_15_by_default_nothing_on_this_machine_is_fetched(attacked: Attacked, host: str) -> None:
    async def attack(server: Server) -> None:
        async with upstream() as site:
            assert await refused(server, f"http://{host}:{site.port}/x.mar")
            assert site.asked == []

    attacked(attack)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/x.mar", "http://10.0.0.1/x.mar", "http://192.168.1.1/x.mar",
        "http://172.16.0.1/x.mar", "http://100.64.0.1/x.mar", "http://[fe80::1]/x.mar", "http://[fd00:ec2::254]/x.mar",
        "file:///etc/passwd", "file:///etc/x.mar",
    ],
)  # fmt: skip
def test_15_by_default_no_private_network_is_asked(attacked: Attacked, url: str) -> None:
    async def attack(server: Server) -> None:
        async with asyncio.timeout(5):
            assert await refused(server, url)

    attacked(attack)


def test_16_each_hop_is_judged_and_there_are_few(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        async with upstream() as site, upstream() as inside:
            inside.files["/x.mar"] = (server.store / "noop-1.0.mar").read_bytes()
            site.moved |= {
                "/open-a.mar": f"{inside.url}/x.mar",
                "/open-b.mar": "file:///etc/passwd",
                "/open-c.mar": "//evil.invalid/x.mar",
                "/open-d.mar": "/open-d.mar",
            }
            for letter in "abcd":
                assert await refused(server, f"http://127.0.0.1:{site.port}/open-{letter}.mar")
            assert inside.asked == []
            assert site.asked.count("/open-d.mar") <= 4

    attacked(attack, allowed_urls=("http://127.0.0.1:[0-9]+/open-.*",))


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example@evil.invalid/x.mar", "https://good.example.evil.invalid/x.mar",
        "https://evil.invalid/?https://good.example/x.mar", "https://goodXexample.invalid/x.mar",
        "https://good.example/%2e%2e/x.mar", "https://good.example\\@evil.invalid/x.mar",
        "https://good.example/x\r\ny.mar", "https://good.example/x\x00.mar",
        "https://good.example/x\ty.mar", "//evil.invalid/x.mar",
        "https://g\u043eod.example/x.mar", "https://user:secret@good.example/x.mar", "https:good.example/x.mar",
    ],
)  # fmt: skip
def test_17_what_only_looks_like_an_allowed_url_is_refused(attacked: Attacked, url: str) -> None:
    async def attack(server: Server) -> None:
        async with asyncio.timeout(5):
            assert await refused(server, url)

    attacked(attack, allowed_urls=(r"https://good\.example/.*",))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x.mar", "gopher://example.com/x.mar", "jar:file:///x.mar!/a",
        "data:application/zip;base64,UEs=",
        "\\\\host\\share\\x.mar", "\\\\.\\pipe\\x", "C:x", "C:\\x.mar", "/dev/zero",
        "/etc/passwd", "a/b.mar", "", ".", "fifo",
        "link.mar", "folder", "noop-1.0.mar/",
    ],
)  # fmt: skip
def test_18_only_names_in_the_store_and_known_schemes_are_taken(attacked: Attacked, url: str, tmp_path: Path) -> None:
    outside = archive(tmp_path, "outside")

    async def attack(server: Server) -> None:
        planted = [server.store / name for name in ("fifo", "link.mar", "folder")]
        os.mkfifo(planted[0])
        planted[1].symlink_to(outside)
        planted[2].mkdir()
        async with asyncio.timeout(5):
            answer = await register(server, url)
        assert 400 <= answer.status < 500, answer
        assert await server.names() == []

    attacked(attack)


@pytest.mark.parametrize(
    "path", ["../x.mar", "a/../x.mar", "%2e%2e/x.mar", "%252e%252e/../x.mar", "..%2fx.mar", "x.mar/.."]
)
def test_19_a_relative_path_is_refused_before_a_byte_is_fetched(attacked: Attacked, path: str) -> None:
    async def attack(server: Server) -> None:
        async with upstream() as site:
            assert await refused(server, f"{site.url}/{path}")
            assert await refused(server, path)
            assert site.asked == []

    attacked(attack, allowed_urls=EVERYTHING)


def test_19_a_refused_archive_cannot_be_registered_by_its_name_afterwards(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        async with upstream() as site:
            site.files |= {"/bad.mar": b"PK\x03\x04 no archive", "/empty.mar": b""}
            for name in ("bad.mar", "empty.mar", "missing.mar"):
                assert await refused(server, f"{site.url}/{name}")
                assert await refused(server, name)

    attacked(attack, allowed_urls=EVERYTHING)


@pytest.mark.parametrize(
    "name",
    ["noop-1.0.mar", "CON.mar", "a.mar::$DATA", "a.mar.", "a.mar%20", "a" * 300 + ".mar", ".hidden.mar", "a%2Fb.mar"],
)
def test_20_a_url_overwrites_nothing_and_brings_no_impossible_name(attacked: Attacked, name: str) -> None:
    async def attack(server: Server) -> None:
        before = (server.store / "noop-1.0.mar").read_bytes()
        async with upstream() as site:
            other = archive(server.store.parent, "other").read_bytes()
            site.files |= {f"/{name}": other, f"/{name.replace('%20', ' ')}": other, "/a/b.mar": other}
            assert await refused(server, f"{site.url}/{name}")
        assert (server.store / "noop-1.0.mar").read_bytes() == before

    attacked(attack, allowed_urls=EVERYTHING)


@pytest.mark.parametrize("name", ["a/b", "a%2Fb", "%2E%2E/x", "a\nb", "a\x00b"])
def test_20_a_model_name_is_no_path(attacked: Attacked, name: str) -> None:
    async def attack(server: Server) -> None:
        answer = await register(server, "noop-1.0.mar", f"&model_name={quote(name, safe='%')}")
        assert answer.status == 400
        assert await nothing_changed(server)

    attacked(attack)


def test_20_names_that_look_alike_stay_apart(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        for name in ("caf\u00e9", "cafe\u0301"):
            assert (await register(server, "noop-1.0.mar", f"&model_name={quote(name)}")).status == 200
        assert sorted(await server.names()) == sorted(["caf\u00e9", "cafe\u0301"])

    attacked(attack)


def test_21_a_source_that_never_ends_can_be_left_and_leaves_nothing(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        async with upstream() as site:
            site.endless.add("/x.mar")
            tasks = TaskGroup()
            tasks.start(register(server, f"{site.url}/x.mar"), "register")
            await site.begun.wait()
            await tasks.aclose()
            async with asyncio.timeout(5):
                while not await nothing_changed(server):  # noqa: ASYNC110 - a folder has no event to wait for
                    await asyncio.sleep(0.01)

    attacked(attack, allowed_urls=EVERYTHING)


def test_21_a_lie_about_the_length_or_the_encoding_leaves_nothing(
    attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "PAUSES", (0.01,) * len(receiving.PAUSES))

    async def lies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nContent-Encoding: gzip\r\n\r\nPK\x03\x04")
        await writer.drain()
        writer.close()

    async def attack(server: Server) -> None:
        async with await asyncio.start_server(lies, "127.0.0.1", 0) as liar:
            port = liar.sockets[0].getsockname()[1]
            assert await refused(server, f"http://127.0.0.1:{port}/x.mar")

    attacked(attack, allowed_urls=EVERYTHING)
