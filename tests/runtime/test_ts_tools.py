"""Small modules that handlers and their tests import: versions, timing, streams, downloads, a mock, a launcher."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
import torch

import ts
from ts import launcher, version
from ts.handler_utils.hf_batch_streamer import TextIteratorStreamerBatch
from ts.torch_handler.unit_tests.test_utils.mock_context import MockContext
from ts.utils.hf_utils import download_model
from ts.utils.timeit_decorator import timeit

HANDLER_PATH = Path(ts.__file__).parents[1]
LIGHT = (
    "ts.version",
    "ts.service",
    "ts.async_service",
    "ts.model_loader",
    "ts.model_service.model_service",
    "ts.protocol.otf_message_handler",
    "ts.utils.hf_utils",
    "ts.utils.timeit_decorator",
    "ts.handler_utils.hf_batch_streamer",
    "ts.handler_utils.utils",
    "ts.metrics",
    "ts.metrics.metric_collector",
    "ts.launcher",
    "ts.torch_handler.unit_tests.test_utils.mock_context",
    "ts.torch_handler.request_envelope.kservev2",
)


def test_importing_them_needs_the_standard_library_alone() -> None:
    lines = ["import importlib", f"for name in {LIGHT}: importlib.import_module(name)"]
    # -S: without site-packages
    subprocess.run(
        [sys.executable, "-S", "-c", "\n".join(lines)],
        env={"PYTHONPATH": str(HANDLER_PATH)},
        check=True,
        timeout=60,
    )


def test_the_version_is_that_of_the_package() -> None:
    assert version.__version__ == ts.__version__ == "0.12.0"


def test_a_timed_function_works_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @timeit
    def double(number: int) -> int:
        return 2 * number

    with caplog.at_level(logging.INFO):
        assert double(2) == 4
    assert caplog.messages[0].startswith("double took 0.")


def test_a_mock_context_has_what_a_handler_reads() -> None:
    context = MockContext(model_pt_file="a.pt", model_dir="/d")
    context.metrics.add_counter("Seen", 1)
    assert context.manifest == {"model": {"serializedFile": "a.pt", "modelFile": "model.py"}}
    assert context.system_properties["model_dir"] == "/d"
    assert ("gpu_id" in context.system_properties) is torch.cuda.is_available()
    assert not context.get_request_header(0, "explain")


class FakeStreamer:
    """A row's streamer: gives back what is put, as text."""

    def __init__(self, tokenizer: str, skip_prompt: bool, timeout: float | None, **decode: Any) -> None:  # noqa: FBT001 - transformers' signature
        self.made_with = (tokenizer, skip_prompt, timeout, decode)
        self.words: list[str] = []

    def put(self, value: torch.Tensor) -> None:
        self.words.append(str(value.tolist()))

    def end(self) -> None:
        self.words.append("")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if word := self.words.pop(0):
            return word
        raise StopIteration


def test_a_batch_streams_until_a_row_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = ModuleType("transformers")
    transformers.TextIteratorStreamer = FakeStreamer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", transformers)
    streamer = TextIteratorStreamerBatch("tokens", 2, skip_prompt=True, timeout=1.5, clean=True)
    assert streamer.streamers[0].made_with == ("tokens", True, 1.5, {"clean": True})
    streamer.put(torch.tensor([1, 2]))
    streamer.end()
    assert list(streamer) == [[{"text": "[1]"}, {"text": "[2]"}]]
    with pytest.raises(ValueError, match="made for 2 rows, not 3"):
        streamer.put(torch.tensor([1, 2, 3]))


def test_a_download_is_asked_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    hub = ModuleType("huggingface_hub")
    hub.snapshot_download = lambda **given: asked.update(given) or "/folder"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert download_model("owner/net", "v1", "/cache", use_auth_token=False) == "/folder"
    assert {**asked, "allow_patterns": None} == {
        "repo_id": "owner/net",
        "revision": "v1",
        "allow_patterns": None,
        "cache_dir": "/cache",
        "token": False,
    }
    assert "*.safetensors" in asked["allow_patterns"]


def test_what_a_tool_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("transformers", "huggingface_hub"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="transformers"):
        TextIteratorStreamerBatch("tokens", 1)
    with pytest.raises(ImportError, match="huggingface_hub"):
        download_model()


@pytest.fixture
def fake_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a `marina-server` on the PATH that says what it was started with."""
    program = tmp_path / "marina-server"
    body = 'case "$*" in *broken*) exit 3;; esac\necho starting\necho Model server started.\necho "$*"\nexec sleep 60\n'
    program.write_text("#!/bin/sh\n" + body)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("fake_server")
@pytest.mark.skipif(sys.platform == "win32", reason="the fake server is a shell script")
def test_a_server_is_started_and_stopped() -> None:
    lines = launcher.start("/store", no_config_snapshots=True, models="all")
    [process] = launcher._started
    try:
        expected = "--model-store /store --ncs --disable-token-auth --enable-model-api --models all\n"
        assert lines.get(timeout=30) == expected
    finally:
        launcher.stop()
    assert process.returncode
    assert lines.get(timeout=30) is None


@pytest.mark.usefixtures("fake_server")
@pytest.mark.skipif(sys.platform == "win32", reason="the fake server is a shell script")
def test_a_server_that_leaves_at_once_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="left with 3"):
        launcher.start("broken")
    launcher.stop()
    with pytest.raises(ValueError, match="model store"):
        launcher.start(gen_mar=True)


class Registering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        query = urllib.parse.urlsplit(self.path).query.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(query)))
        self.end_headers()
        self.wfile.write(query)

    def log_message(self, *_: object) -> None:
        """Keep the terminal for the results."""


def test_a_model_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), Registering) as server:
        monkeypatch.setattr(launcher, "MODELS", f"http://127.0.0.1:{server.server_address[1]}/models")
        thread = Thread(target=server.handle_request)
        thread.start()
        answer = launcher.register_model("net", "net.mar")
        thread.join()
    assert answer.text == "model_name=net&url=net.mar&initial_workers=1&synchronous=true"
    answer.close()
