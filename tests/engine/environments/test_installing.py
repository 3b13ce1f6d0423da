"""Packages of archives with the real pip, without a network: who sees them, what survives, what a failure leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import venv
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from engine.archives.packing import pack
from engine.registration import Registration
from engine.snapshots import Progress
from engine.tasks import TaskGroup
from tests.support.servers import Server, make_home, make_settings, serving, unpacked

pytestmark = pytest.mark.end_to_end

HANDLER = b"""
import sys

def handle(data, context):
    try:
        import marina_greeting
    except ImportError:
        return ["nobody"] * len(data or [])
    return [f"{marina_greeting.WORD} {sys.prefix != sys.base_prefix} {sys.prefix}"] * len(data or [])
"""
SETTINGS = make_settings(install_py_dep_per_model=True)


@pytest.fixture(autouse=True)
def no_configuration_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what this machine tells pip out of the tests."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def a_wheel(folder: Path, name: str = "marina_greeting", word: str = "hello") -> Path:
    """Write a wheel of one module."""
    folder.mkdir(exist_ok=True)
    about = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"WORD = {word!r}\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return path


def an_archive(
    server: Server, name: str, requirements: str, files: Mapping[str, bytes] | None = None, *, use_venv: bool = False
) -> None:
    """Pack an archive whose handler greets with the word of the package that it may find."""
    contents: dict[str, Path | bytes] = {"service.py": HANDLER, "requirements.txt": requirements.encode()}
    config = f"useVenv: {str(use_venv).lower()}\n".encode()
    pack(
        server.store / f"{name}.mar",
        model_name=name,
        handler="service.py",
        files={**contents, "config.yaml": config, **(files or {})},
        config_file="config.yaml",
        requirements_file="requirements.txt",
    )


async def register(server: Server, name: str) -> None:
    answer = await server.register(f"url={name}.mar&initial_workers=1&synchronous=true")
    assert answer.status == 200, answer


def environments(server: Server) -> list[Path]:
    return list(server.engine.home.environments.glob("[!.]*"))


async def greeting(server: Server, name: str) -> str:
    answer = await server.predict(name, data=b"")
    assert answer.status == 200, answer
    return answer.body.decode()


def test_packages_are_seen_by_their_model_alone_and_survive_a_restart(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "wheels")
    listed = f"--no-index\n--find-links {wheel.parent}\nmarina-greeting\n"

    async def first() -> None:
        async with serving(make_home(tmp_path), SETTINGS) as server:
            an_archive(server, "plain", listed)
            an_archive(server, "isolated", listed, use_venv=True)
            an_archive(server, "other", "")
            for name in ("plain", "isolated", "other"):
                await register(server, name)
            await look(server)

    async def look(server: Server) -> None:
        assert (await greeting(server, "plain")).startswith("hello")
        word, in_venv, prefix = (await greeting(server, "isolated")).split(maxsplit=2)
        assert (word, in_venv) == ("hello", "True")
        assert Path(prefix).parent == server.engine.home.environments
        assert await greeting(server, "other") == "nobody"

    async def second() -> None:
        async with serving(make_home(tmp_path), SETTINGS) as server:
            for name in ("plain", "isolated", "other"):
                await server.engine.scale(name, None, min_workers=1, synchronous=True)
            await look(server)
            for name in ("plain", "isolated", "other"):
                assert (await server.manage("DELETE", f"/models/{name}")).status == 200
            assert environments(server) == []

    asyncio.run(first())
    wheel.unlink()  # a second installation would fail now
    asyncio.run(second())


def test_without_a_record_a_restart_finds_the_packages_again(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "wheels")
    settings = make_settings(install_py_dep_per_model=True, record=False)

    async def once() -> None:
        async with serving(make_home(tmp_path), settings) as server:
            an_archive(server, "net", f"--no-index\n--find-links {wheel.parent}\nmarina-greeting\n", use_venv=True)
            await register(server, "net")
            assert (await greeting(server, "net")).startswith("hello")

    asyncio.run(once())
    wheel.unlink()  # a second installation would fail now
    asyncio.run(once())


def test_files_of_the_archive_can_be_named_and_its_modules_do_not_trouble_pip(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "wheels", word="packed").read_bytes()

    async def main() -> None:
        async with serving(make_home(tmp_path), SETTINGS) as server:
            requirements = "--no-index\n./marina_greeting-1.0-py3-none-any.whl\n"
            files = {"marina_greeting-1.0-py3-none-any.whl": wheel, "pip.py": b"raise SystemExit('not pip')"}
            an_archive(server, "net", requirements, files)
            await register(server, "net")
            assert (await greeting(server, "net")).startswith("packed")

    asyncio.run(main())


def test_a_failure_has_torchserves_text_and_nothing_remains(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving(make_home(tmp_path), SETTINGS) as server:
            an_archive(server, "net", "--no-index\nmarina-nowhere\n")
            answer = await server.register("url=net.mar&initial_workers=1")
            text = "Custom pip package installation failed for model net"
            assert answer.error == (400, "ModelException", text)
            assert (await server.names(), unpacked(server), environments(server)) == ([], [], [])

    asyncio.run(main())
    assert "No matching distribution found for marina-nowhere" in caplog.text


@contextlib.asynccontextmanager
async def silent_index() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Give the address of a package index that never answers, and what is set once somebody asks it."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def keep_waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read(-1)
        writer.close()
        gone.set()

    server = await asyncio.start_server(keep_waiting, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/simple", asked
        await asyncio.wait_for(gone.wait(), 20)


def test_cancelling_ends_pip_and_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with silent_index() as (url, asked), serving(make_home(tmp_path), SETTINGS) as server:
            an_archive(server, "net", f"--index-url {url}\nmarina-greeting\n", use_venv=True)
            steps: list[Progress] = []
            registering = TaskGroup().start(server.engine.register(Registration("net.mar"), steps.append), "register")
            await asyncio.wait_for(asked.wait(), 30)
            registering.cancel()
            await asyncio.wait([registering])
            assert registering.cancelled()
            assert ("environment", f"Looking in indexes: {url}") in [(step.phase, step.text) for step in steps]
            assert (await server.names(), unpacked(server), environments(server)) == ([], [], [])

    asyncio.run(main())


def test_workers_run_on_the_python_that_the_setting_or_the_archive_names(tmp_path: Path) -> None:
    for name in ("general", "special"):
        venv.EnvBuilder(symlinks=os.name != "nt").create(tmp_path / name)
    settings = make_settings(worker_python=str(tmp_path / "general" / "bin" / "python"))
    source = "import sys\ndef handle(data, context):\n    return [sys.prefix] * len(data or [])\n"
    config = f"workerPython: {tmp_path / 'special' / 'bin' / 'python'}\n".encode()

    async def main() -> None:
        async with serving(make_home(tmp_path), settings) as server:
            for name, said in (("general", b""), ("special", config), ("broken", b"workerPython: python3\n")):
                files: dict[str, Path | bytes] = {"service.py": source.encode(), "config.yaml": said}
                path = server.store / f"{name}.mar"
                pack(path, model_name=name, handler="service.py", files=files, config_file="config.yaml")
            for name in ("general", "special"):
                await register(server, name)
                assert Path(await greeting(server, name)) == tmp_path / name
            answer = await server.register("url=broken.mar")
            assert answer.error[:2] == (400, "InvalidModelException")
            assert "broken.mar names python3 as workerPython, but it is no absolute path" in answer.error[2]

    asyncio.run(main())
