"""A client generated from the served document of the management API, put to use."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.engine.api.conftest import Serve
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

PACKAGE = "marina_client"


def generate(document: bytes, folder: Path) -> None:
    """Write the client as the package PACKAGE below `folder`."""
    (folder / "openapi.json").write_bytes(document)
    (folder / "config.yml").write_text("post_hooks: []\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    places = ["--path", "openapi.json", "--config", "config.yml", "--output-path", PACKAGE]
    done = subprocess.run([*command, *places], cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Client:
    """The generated package: its operations by name and its models."""

    def __init__(self, url: str) -> None:
        self.connection = importlib.import_module(PACKAGE).Client(base_url=url)
        self.models: ModuleType = importlib.import_module(f"{PACKAGE}.models")

    async def call(self, operation: str, *path: str, **given: Any) -> Any:
        """Return the parsed answer."""
        call: Callable[..., Awaitable[Any]] = importlib.import_module(f"{PACKAGE}.api.default.{operation}").asyncio
        return await call(*path, client=self.connection, **given)

    async def status(self, operation: str, *path: str, **given: Any) -> str:
        answer = await self.call(operation, *path, **given)
        assert isinstance(answer, self.models.Status)
        return str(answer.status)


async def manage_models(client: Client) -> None:
    """Go through every operation once."""
    async with client.connection:
        text = await client.status("register_model", url_query="noop-1.0.mar", initial_workers=1, synchronous=True)
        assert text == 'Model "noop" Version: 1.0 registered with 1 initial workers'
        body = client.models.RegisterModelBody(url="noop-2.0.mar", batch_size=4)
        assert "2.0 registered" in await client.status("register_model", body=body)

        listed = await client.call("list_models", limit=10)
        assert isinstance(listed, client.models.ModelList)
        assert [(model.model_name, model.model_url) for model in listed.models] == [("noop", "noop-1.0.mar")]

        assert await client.status("set_auto_scale", "noop", min_worker=2, synchronous=True)
        assert "version: 2.0" in await client.status("version_set_auto_scale", "noop", "2.0", synchronous=True)
        (first,) = await client.call("describe_model", "noop")
        assert isinstance(first, client.models.Description)
        assert (first.model_version, first.min_workers, first.job_queue_status.pending_requests) == ("1.0", 2, 0)
        assert [worker.status for worker in first.workers] == [client.models.WorkerStatus.READY] * 2
        assert first.workers[0].start_time.tzinfo is not None

        assert '"noop" to "2.0"' in await client.status("set_default", "noop", "2.0")
        (second,) = await client.call("describe_model", "noop")
        assert (second.model_version, second.batch_size) == ("2.0", 4)
        assert await client.status("version_unregister_model", "noop", "1.0") == 'Model "noop" unregistered'
        assert await client.status("unregister_model", "noop") == 'Model "noop" unregistered'

        missing = await client.call("describe_model", "noop")
        assert isinstance(missing, client.models.Error)
        assert (missing.code, missing.type_, missing.message) == (
            404,
            "ModelNotFoundException",
            "Model not found: noop",
        )


def test_a_generated_client_manages_models(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))

    async def scenario(server: Server) -> None:
        answer = await server.manage("OPTIONS", "/")
        assert json.loads(answer.body)["openapi"] == "3.0.1"
        await server.engine._threads.run(generate, answer.body, tmp_path)
        await manage_models(Client(server.host.addresses["management"]))

    try:
        serve(scenario, FakeLauncher())
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
            del sys.modules[name]
