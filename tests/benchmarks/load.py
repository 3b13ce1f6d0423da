"""Load on one address: wrk, or a client of our own where wrk is missing. Blocking."""

from __future__ import annotations

import asyncio
import math
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

PATIENCE = 60
# Said to wrk in its own language: what to send, and to print requests, microseconds, p50, p99 and failures at the end.
SCRIPT = """
wrk.method = "{method}"
wrk.headers["Content-Type"] = "{content_type}"
local file = io.open("{body}", "rb")
wrk.body = file:read("*all")
done = function(summary, latency, requests)
  local bad = summary.errors
  io.write(string.format("figures %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), bad.connect + bad.read + bad.write + bad.status + bad.timeout))
end
"""


class Asked(NamedTuple):
    """What is sent again and again."""

    url: str
    body: bytes = b"{}"
    content_type: str = "application/json"
    method: str = "POST"


class Load(NamedTuple):
    """Answers a second, and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


class FailedLoadError(Exception):
    """A server did not answer every request well."""


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def answer_of(asked: Asked) -> bytes:
    """Ask once."""
    body = asked.body if asked.method == "POST" else None
    request = urllib.request.Request(asked.url, body, {"Content-Type": asked.content_type}, method=asked.method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return bytes(answer.read())


def load(asked: Asked, clients: int, seconds: float) -> Load:
    """Let so many clients ask for so long, each one again as soon as it has its answer."""
    return _by_wrk(asked, clients, seconds) if has_wrk() else asyncio.run(_by_ourselves(asked, clients, seconds))


def _by_wrk(asked: Asked, clients: int, seconds: float) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder, "body"), Path(folder, "script.lua")
        body.write_bytes(asked.body)
        script.write_text(SCRIPT.format(method=asked.method, content_type=asked.content_type, body=body))
        # wrk counts whole seconds.
        command = ["wrk", "-t1", f"-c{clients}", f"-d{math.ceil(seconds)}s", f"--timeout={PATIENCE}s"]
        done = subprocess.run([*command, "-s", str(script), asked.url], capture_output=True, text=True, check=True)
    told = next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("figures "))
    requests, duration, p50, p99, failures = map(int, told)
    if failures or not requests:
        raise FailedLoadError(f"{failures} requests failed, {requests} were answered")
    return Load(requests * 1e6 / duration, p50 / 1000, p99 / 1000)


async def _by_ourselves(asked: Asked, clients: int, seconds: float) -> Load:
    latencies: list[float] = []
    started = time.perf_counter()
    await asyncio.gather(*(_client(asked, started + seconds, latencies) for _ in range(clients)))
    took = time.perf_counter() - started
    if not latencies:
        raise FailedLoadError("no request was answered")
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    return Load(len(latencies) / took, p50, p99)


async def _client(asked: Asked, until: float, latencies: list[float]) -> None:
    host, _, path = asked.url.removeprefix("http://").partition("/")
    head = f"{asked.method} /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {asked.content_type}\r\n"
    request = f"{head}Content-Length: {len(asked.body)}\r\n\r\n".encode() + asked.body
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    while (sent := time.perf_counter()) < until:
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        if answer.split(b" ", 2)[1] != b"200":
            raise FailedLoadError(f"the answer was {answer[:100]!r}")
        length = next(line for line in answer.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        latencies.append(time.perf_counter() - sent)
    writer.close()
