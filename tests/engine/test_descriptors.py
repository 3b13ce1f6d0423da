"""The limit of open files: raised for Marina, not for its children, and shared out to clients."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import ClientSession

from engine import descriptors
from tests.support.server_process import PROJECT, server

resource = pytest.importorskip("resource")

RAISED = """
import asyncio, json, resource, sys
from engine.descriptors import raise_limit
from engine.environments.processes import run_process
from pathlib import Path

async def main():
    raise_limit()
    lines = []
    ask = "import resource, time; time.sleep(0.5); print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    await run_process([sys.executable, "-c", ask], Path.cwd(), {}, lambda _stream, line: lines.append(line))
    print(json.dumps([resource.getrlimit(resource.RLIMIT_NOFILE)[0], int(lines[0])]))

asyncio.run(main())
"""


def limited(soft: int, hard: int, words: Sequence[str]) -> list[str]:
    """Return a command that runs with these limits of open files."""
    limits = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))"
    return [sys.executable, "-c", f"import os, resource, sys; {limits}; os.execv(sys.argv[1], sys.argv[1:])", *words]


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_the_limit_is_raised_for_this_process_and_not_for_its_children() -> None:
    command = limited(200, 1000, [sys.executable, "-c", RAISED])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, check=True)
    assert json.loads(done.stdout) == [1000, 200]


@pytest.mark.parametrize(
    ("limit", "wanted", "most"), [(65_536, 2000, 2000), (1024, 2000, 102), (1024, 50, 50), (4, 2000, 1)]
)
def test_an_address_takes_its_share_of_the_descriptors(
    monkeypatch: pytest.MonkeyPatch, limit: int, wanted: int, most: int, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(descriptors, "limit", lambda: limit)
    assert descriptors.most_connections(wanted) == most
    descriptors.warn_of_few(wanted)
    assert ["max_connections" in record.getMessage() for record in caplog.records] == [True] * (most < wanted)


def test_idle_clients_of_predictions_lock_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda words, **more: real(limited(200, 200, words), **more))

    async def ask(url: str) -> int:
        async with ClientSession() as session, session.get(url) as answer:
            return answer.status

    with server(tmp_path) as process:
        host, port = process.inference.removeprefix("http://").rsplit(":", 1)
        idle = [socket.create_connection((host, int(port)), timeout=10) for _ in range(300)]
        try:
            assert asyncio.run(ask(f"{process.management}/models")) == 200
            assert asyncio.run(ask(f"{process.inference}/ping")) == 200
        finally:
            for one in idle:
                one.close()
