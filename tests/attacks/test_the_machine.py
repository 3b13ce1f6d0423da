"""What other users, programs and files on this machine try; each test carries the number of its attack."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
import threading
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QUrl

from engine.home import Home
from engine.settings import Settings
from engine.snapshots import LogLine, Machine, Stream
from engine.tokens import Tokens
from engine.workers.environment import worker_environment
from gui.diagnostics import gather, write
from gui.drops import read_drop
from tests.attacks.conftest import Attacked
from tests.support.archives import archive
from tests.support.servers import Server, make_home, make_settings, serving

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def said(text: str) -> QMimeData:
    mime = QMimeData()
    mime.setText(text)
    return mime


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "ftp://evil.example/x.mar", "data:text/html,x", "file://host/share/x", "marina://x"],
)
def test_37_an_address_of_another_kind_is_refused_with_the_reason(address: str) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl(address)])
    drop = read_drop(mime)
    assert drop.archives == drop.models == drop.open == ()
    [reason] = drop.refused
    assert "cannot be used" in reason


def test_37_a_flood_of_text_is_refused_at_once_and_in_one_line() -> None:
    for text in ("x" * 10_000_000, "<p>evil</p>\n" * 900_000):
        drop = read_drop(said(text))
        assert drop.archives == ()
        assert len(drop.refused) == 1
        assert len(drop.welcome) < 300


@posix
def test_38_every_folder_is_the_owners_alone_and_a_planted_one_is_refused(tmp_path: Path) -> None:
    home = Home.find({"MARINA_HOME": str(tmp_path / "home")})
    home.create()
    folders = (home.model_store, home.unpacked, home.logs, home.runtime, home.database.parent)
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    home.runtime.rmdir()
    home.runtime.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        home.create()


@posix
def test_38_without_a_session_nothing_lies_where_everybody_may_write() -> None:
    found = Home.find({})
    everywhere = (found.model_store, found.unpacked, found.logs, found.database, found.runtime, found.environments)
    assert [path for path in everywhere if path.is_relative_to("/tmp") or path.is_relative_to("/var/tmp")] == []


@posix
def test_38_a_running_server_leaves_nothing_readable_to_others(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        assert (await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")).status == 200
        home = server.engine.home
        for folder in (home.unpacked, home.runtime):
            assert [one for one in (folder, *folder.iterdir()) if one.is_dir() and one.stat().st_mode & 0o077] == []

    attacked(attack)


@pytest.mark.parametrize("name", ["QT_PLUGIN_PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "QML2_IMPORT_PATH"])
def test_39_what_could_swap_libraries_does_not_reach_workers(name: str) -> None:
    assert name not in worker_environment({name: "/evil"}, None, decode_input=True)


@posix
@pytest.mark.parametrize("place", ["the model store", "an open folder", "an open file"])
def test_39_a_python_that_others_may_have_put_there_is_not_run(tmp_path: Path, place: str) -> None:
    home = make_home(tmp_path)
    (tmp_path / "open").mkdir()
    python = (home.model_store if place == "the model store" else tmp_path / "open") / "python"
    ran = tmp_path / "ran"
    python.write_text(f"#!/bin/sh\ntouch {ran}\n")
    python.chmod(0o777 if place == "an open file" else 0o755)
    (tmp_path / "open").chmod(0o777 if place == "an open folder" else 0o755)
    archive(home.model_store, "noop", "1.0")

    async def main() -> None:
        async with serving(home, make_settings(worker_python=str(python), fork_server=False)) as server:
            answer = await server.register("url=noop-1.0.mar")
            assert answer.status >= 400
            assert "model store" in answer.error[2] or "every user" in answer.error[2]
            assert await server.names() == []

    asyncio.run(main())
    assert not ran.exists()


def test_40_no_token_and_no_password_is_in_the_diagnostics(tmp_path: Path) -> None:
    tokens = Tokens(timedelta(minutes=1))
    shown = json.loads(tokens.as_text())
    secrets = [
        shown["management"]["key"],
        shown["inference"]["key"],
        shown["API"]["key"],
        "hidden-password",
        "signature",
    ]
    (tmp_path / "logs").mkdir()
    lines = [f"Authorization: Bearer {secret}" for secret in secrets[:3]]
    lines += ["GET https://me:hidden-password@models.example/x.mar?X-Amz-Signature=signature"]
    (tmp_path / "logs" / "marina.log").write_text("\n".join(lines), encoding="utf-8")
    printed = tuple(LogLine(1.0, "9000", Stream.STDOUT, line) for line in lines)
    file = tmp_path / "found.zip"
    settings = Settings(metrics_config=Path("/x"), cors_allowed_origin="https://me:hidden-password@x.example/")
    found = gather(settings, Machine(0, 1, 1, 1, ()), (), lambda _: printed, tmp_path / "logs")
    write(found, file, threading.Event())
    with zipfile.ZipFile(file) as opened:
        texts = {name: opened.read(name).decode() for name in opened.namelist()}
    assert [(name, secret) for name, text in texts.items() for secret in secrets if secret in text] == []
