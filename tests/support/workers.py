"""Workers without a process: a launcher whose workers live in the test and answer as it says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.runtime.frames import PREFIX, Kind, decode_meta, decode_prefix, encode_head, encode_meta
from engine.workers.channel import Channel
from engine.workers.launcher import LaunchSpec, Output

PIDS = itertools.count(900_001)  # above what Linux gives out by default, so that no real process is meant


class FakeWorker(asyncio.Transport):
    """A worker process and the socket to it, both at once."""

    def __init__(self, launcher: FakeLauncher, channel: Channel) -> None:
        super().__init__()
        self.pid = next(PIDS)
        self.load: dict[str, Any] = {}
        self.jobs: list[dict[str, Any]] = []
        self._launcher = launcher
        self._channel = channel
        self._received = b""
        self._closing = False
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def unfinished(self) -> dict[str, str]:
        return {}

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        self.exit(-9)

    def exit(self, code: int) -> None:
        self._closing = True
        if not self._ended.done():
            self._ended.set_result(code)

    # asyncio's transport, as the engine's end of the socket sees it

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self.exit(0)

    def abort(self) -> None:
        self._closing = True

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._received += data
        while len(self._received) >= PREFIX.size:
            prefix = decode_prefix(self._received, 1 << 30)
            end = PREFIX.size + prefix.meta_length + prefix.body_length
            if len(self._received) < end:
                return
            meta = decode_meta(self._received[PREFIX.size : PREFIX.size + prefix.meta_length])
            self._received = self._received[end:]
            asyncio.get_running_loop().call_soon(self._take, prefix.kind, meta)

    # The worker's side

    def _take(self, kind: Kind, meta: dict[str, Any]) -> None:
        if kind is Kind.LOAD:
            self.load = meta
            if not self._launcher.loading:
                self.finish_loading()
            return
        if kind is Kind.THREADS:
            return
        self.jobs.extend(meta["jobs"])
        self._launcher.received.set()
        if not self._launcher.holding:
            self.reply(meta["batch"], len(meta["jobs"]))

    def finish_loading(self) -> None:
        """End the loading, as well or badly as the launcher says."""
        if cause := self._launcher.load_error:
            self._send(Kind.LOAD_FAILED, {"code": 500, "message": cause, "traceback": f"Traceback: {cause}"})
        else:
            gpu_id = self.load["gpu_id"]
            self._send(Kind.LOADED, {"device": "cpu" if gpu_id is None else f"cuda:{gpu_id}"})

    def reply(self, batch: int, jobs: int = 1) -> None:
        """Answer each job of a batch."""
        status, phrase, headers, body = self._launcher.answer
        results = [[len(body), status, phrase, headers]] * jobs
        self._send(Kind.REPLY, {"batch": batch, "results": results}, body * jobs)

    def _send(self, kind: Kind, meta: dict[str, Any], body: bytes = b"") -> None:
        if self._closing:
            return
        head = encode_head(kind, encode_meta(meta), len(body))
        data = memoryview(head + body)
        while data:
            buffer = self._channel.get_buffer(-1)
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            self._channel.buffer_updated(size)
            data = data[size:]


@dataclass
class FakeLauncher:
    """Starts fake workers. Set the fields before workers come up, or between two steps of a test.

    `answer` is what predictions get: status, phrase, headers, body. While `loading`, workers wait for
    `finish_loading`; while `holding`, predictions wait for `reply`. `received` is set with each batch.
    """

    answer: tuple[int, str, dict[str, str], bytes] = (0, "", {}, b"OK")
    load_error: str = ""
    launch_error: str = ""
    loading: bool = False
    holding: bool = False
    workers: list[FakeWorker] = field(default_factory=list)
    received: asyncio.Event = field(default_factory=asyncio.Event)
    on_launch: Callable[[], None] = lambda: None

    async def prepare(self) -> None:
        """There is nothing to do ahead."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def launch(self, spec: LaunchSpec, channel: Channel, output: Output) -> FakeWorker:
        del spec, output
        if self.launch_error:
            raise OSError(self.launch_error)
        worker = FakeWorker(self, channel)
        self.workers.append(worker)
        channel.connection_made(worker)
        self.on_launch()
        return worker
