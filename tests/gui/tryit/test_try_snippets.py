"""The lines that are copied are run here, against a server that looks at what arrives."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.snapshots import Key
from gui.tryit import snippets
from gui.tryit.request import Draft, Part, Source
from tests.support.model_server import model_server

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = Key("digits", "1.0")
NASTY = 'it\'s "$HOME" `id` \\ é\n{[%s]}'
LANGUAGES = ["curl", "python"]


def by_file(folder: Path) -> Draft:
    path = folder / "se'ven [1] {x} $(id);,.png"
    path.write_bytes(b"\x89PNG\r\n\x00" * 9000)
    return Draft(Source.FILE, path)


def by_parts(folder: Path) -> Draft:
    path = by_file(folder).path
    assert path is not None
    return Draft(Source.PARTS, parts=(Part("note", f"@{NASTY}"), Part("da'ta", path=path, is_file=True)))


def run(language: str, text: str, folder: Path) -> str:
    words = ["bash", "-c", text] if language == "curl" else [sys.executable, "-W", "ignore", "-c", text]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, "TOKEN": "s3cret"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def arrived(language: str, draft: Draft, folder: Path, *, token: bool = False) -> tuple[dict[str, str], Any]:
    """What the server sees when the snippet is run."""
    if language == "curl" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")

    async def body() -> tuple[dict[str, str], Any]:
        async with model_server() as server:
            write: Callable[..., str] = getattr(snippets, language)
            text = write(draft.request(server.url, KEY), token=token)
            output = await asyncio.to_thread(run, language, text, folder)
            assert "/predictions/digits/1.0" in output
            return server.requests[0]

    return asyncio.run(body())


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_arrives_as_it_was_typed(language: str, tmp_path: Path) -> None:
    draft = Draft(Source.TEXT, text=NASTY, headers='X-Note: it\'s "$HOME" `id`\nX-Empty:')
    headers, body = arrived(language, draft, tmp_path)
    assert body == NASTY.encode()
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert (headers["x-note"], headers["x-empty"]) == ('it\'s "$HOME" `id`', "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_arrives_whatever_it_is_called(language: str, tmp_path: Path) -> None:
    draft = by_file(tmp_path)
    headers, body = arrived(language, draft, tmp_path)
    assert draft.path is not None
    assert body == draft.path.read_bytes()
    assert headers["content-type"] == "image/png"


@pytest.mark.parametrize("language", LANGUAGES)
def test_parts_arrive_by_name(language: str, tmp_path: Path) -> None:
    draft = by_parts(tmp_path)
    _, parts = arrived(language, draft, tmp_path)
    path = draft.parts[1].path
    assert path is not None
    assert [(name, body) for name, _, body in parts] == [
        ("note", f"@{NASTY}".encode()),
        ("da'ta", path.read_bytes()),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_token_comes_from_the_environment(language: str, tmp_path: Path) -> None:
    headers, _ = arrived(language, Draft(Source.TEXT, text="{}"), tmp_path, token=True)
    assert headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_secret_that_was_typed_is_copied(language: str, tmp_path: Path) -> None:
    draft = Draft(Source.TEXT, text="{}", headers="Authorization: Basic hidden\nX-Api-Key: hidden")
    text = getattr(snippets, language)(draft.request("http://x", KEY), token=True)
    assert "hidden" not in text
    assert text.startswith(snippets.NOTE)
    headers, _ = arrived(language, draft, tmp_path)
    assert (headers["authorization"], headers["x-api-key"]) == ("Basic s3cret", "s3cret")


def test_a_plain_request_is_one_plain_line() -> None:
    draft = Draft(Source.TEXT, text='{"a": 1}')
    line = snippets.curl(draft.request("http://127.0.0.1:8080", KEY), token=False)
    assert shlex.split(line) == [
        *("curl", "-X", "POST", "http://127.0.0.1:8080/predictions/digits/1.0"),
        *("-H", "Content-Type: application/json", "--data-raw", '{"a": 1}'),
    ]


def test_text_too_long_for_a_command_line_is_read_from_a_file(tmp_path: Path) -> None:
    draft = Draft(Source.TEXT, text="x" * 200_000)
    (tmp_path / "body.txt").write_text(draft.text)
    _, body = arrived("curl", draft, tmp_path)
    assert len(body) == 200_000
