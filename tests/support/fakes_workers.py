"""Stand-ins for worker processes, sockets, channels and the job queue. On the test's loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from engine.runtime.frames import PREFIX, Kind, decode_meta, decode_prefix, encode_head, encode_meta
from engine.workers.launcher import LaunchSpec
from engine.workers.lifecycle import Limits
from engine.workers.log import WorkerLog
from engine.workers.worker import WorkerPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.workers.channel import BatchListener, Channel, Result
    from engine.workers.launcher import Output

ANY_SIZE = 1 << 40
FIRST_PID = 4000
# A metric as METRICS carries it.
EMITTED = {
    "name": "t",
    "value": 1.5,
    "unit": "ms",
    "type": "gauge",
    "dimensions": [["Level", "Model"]],
    "request_ids": ["a"],
}


def frame(kind: Kind, meta: dict[str, Any], body: bytes = b"") -> bytes:
    """Return one whole frame."""
    return encode_head(kind, encode_meta(meta), len(body)) + body


def reply(batch: int, *answers: bytes, kind: Kind = Kind.REPLY) -> bytes:
    """Return a REPLY (or PARTIAL) with one plain answer for each job."""
    results = [[len(answer), 0, "", {}] for answer in answers]
    return frame(kind, {"batch": batch, "results": results}, b"".join(answers))


def split_frames(data: bytes) -> list[tuple[Kind, dict[str, Any], bytes]]:
    """Return kind, meta and body of every frame in `data`."""
    found = []
    while data:
        prefix = decode_prefix(data, ANY_SIZE)
        body_at = PREFIX.size + prefix.meta_length
        end = body_at + prefix.body_length
        found.append((prefix.kind, decode_meta(data[PREFIX.size : body_at]), data[body_at:end]))
        data = data[end:]
    return found


def receive(channel: Channel, data: bytes) -> None:
    """Have `channel` read `data` the way asyncio would."""
    while data:
        buffer = channel.get_buffer(-1)
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        channel.buffer_updated(size)
        data = data[size:]


@dataclass
class FakeTransport:
    """The engine's end of a fake socket; `hung_up` is called once it is closed or aborted."""

    hung_up: Callable[[], None]
    written: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.hung_up()

    abort = close


class FakeProcess:
    """A worker process that does what the test says. It leaves with code 0 when hung up on, unless `stubborn`."""

    def __init__(self, pid: int, channel: Channel, output: Output) -> None:
        self.pid = pid
        self.channel = channel
        self.output = output
        self.stubborn = False
        self.printing: dict[str, str] = {}
        self.killed = False
        self.transport = FakeTransport(self._hung_up)
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        channel.connection_made(cast("asyncio.Transport", self.transport))

    @property
    def alive(self) -> bool:
        return not self._exit.done()

    @property
    def frames(self) -> list[tuple[Kind, dict[str, Any], bytes]]:
        """What the engine has sent."""
        return split_frames(bytes(self.transport.written))

    def unfinished(self) -> dict[str, str]:
        return self.printing

    async def wait(self) -> int:
        return await asyncio.shield(self._exit)

    def kill(self) -> None:
        self.killed = True
        self.exit(-9)

    def exit(self, code: int) -> None:
        if self.alive:
            self._exit.set_result(code)

    def says(self, data: bytes) -> None:
        receive(self.channel, data)

    def loads(self) -> None:
        self.says(frame(Kind.LOADED, {"device": "cpu"}))

    def fails_to_load(self, message: str = "ImportError: no torch", code: int = 500) -> None:
        self.says(frame(Kind.LOAD_FAILED, {"code": code, "message": message, "traceback": f"Traceback\n{message}"}))

    def hangs_up(self) -> None:
        self.channel.connection_lost(None)

    def _hung_up(self) -> None:
        if not self.stubborn:
            self.exit(0)


class FakeLauncher:
    """Starts fake processes. `errors` are raised first, one a launch; a cleared `gate` holds launches back.

    `specs` are what the processes were started with.
    """

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.specs: list[LaunchSpec] = []
        self.errors: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.loads_at_once = False
        self.launches = 0

    async def prepare(self) -> None:
        """There is nothing to do ahead."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def launch(self, spec: LaunchSpec, channel: Channel, output: Output) -> FakeProcess:
        self.launches += 1
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        process = FakeProcess(FIRST_PID + len(self.processes), channel, output)
        self.processes.append(process)
        self.specs.append(spec)
        if self.loads_at_once:
            asyncio.get_running_loop().call_soon(process.loads)
        return process

    @property
    def alive(self) -> list[FakeProcess]:
        return [process for process in self.processes if process.alive]


@dataclass
class FakeDispatcher:
    """Notes who serves; lets retired workers go when the test says so, or at once."""

    serving: list[Channel] = field(default_factory=list)
    retiring: dict[Channel, Callable[[], None]] = field(default_factory=dict)
    kept: list[Channel] = field(default_factory=list)
    lets_go_at_once: bool = True

    def serve(self, channel: Channel) -> None:
        self.serving.append(channel)

    def keeps(self, channel: Channel) -> bool:
        return channel in self.kept

    def retire(self, channel: Channel, done: Callable[[], None]) -> None:
        if self.lets_go_at_once:
            self.drop(channel)
            done()
        else:
            self.retiring[channel] = done

    def drop(self, channel: Channel) -> None:
        self.retiring.pop(channel, None)
        if channel in self.serving:
            self.serving.remove(channel)

    def let_go(self) -> None:
        channel, done = self.retiring.popitem()
        self.drop(channel)
        done()


# A header that no frame can hold.
UNSENDABLE = "\udcff"


class FakeChannel:
    """A channel to a worker that answers when the test says so, and whose batch ahead is then its batch.

    With `keeps_ahead` it has begun that by the time when anybody wants it back.
    """

    def __init__(self, *, takes_ahead: bool = False) -> None:
        self.takes_ahead = takes_ahead
        self.keeps_ahead = False
        self.ahead: list[str] = []
        self._ahead_listener: BatchListener | None = None
        self.idle: Callable[[Any], None] = lambda _channel: None
        self.requests = 0
        self.listener: BatchListener | None = None
        self.sent: list[list[str]] = []
        self.bodies: list[list[bytes]] = []

    @property
    def busy(self) -> bool:
        return self.listener is not None

    @property
    def batches(self) -> int:
        return int(self.busy)

    @property
    def has_room(self) -> bool:
        return self.takes_ahead and self.busy and self._ahead_listener is None

    def send_ahead(self, jobs: list[dict[str, Any]], bodies: Sequence[bytes], listener: BatchListener) -> None:
        assert self.has_room, "a busy worker has one batch ahead at a time"
        self._check(jobs)
        self.bodies.append(list(bodies))
        self.ahead, self._ahead_listener = [job["id"] for job in jobs], listener

    def take_back(self) -> bool:
        if self._ahead_listener is None or self.keeps_ahead:
            return False
        self.ahead, self._ahead_listener = [], None
        return True

    def send(self, jobs: list[dict[str, Any]], bodies: Sequence[bytes], listener: BatchListener) -> None:
        assert not self.busy, "a worker has one batch at a time"
        self._check(jobs)
        self.requests += len(jobs)
        self.sent.append([job["id"] for job in jobs])
        self.bodies.append(list(bodies))
        self.listener = listener

    def answers(self, *answers: bytes) -> None:
        """End the batch with these answers."""
        results: list[Result] = [(len(answer), 0, "", {}) for answer in answers]
        self._ended().done(results, memoryview(b"".join(answers)))
        self.idle(self)

    def answers_with(self, *headers: dict[str, str]) -> None:
        """End the batch with a part for each job, which says "part", under these headers."""
        self._ended().done([(4, 0, "", one) for one in headers], memoryview(b"part" * len(headers)))
        self.idle(self)

    def answers_all(self) -> None:
        """End the batch with an answer for each job: its id."""
        self.answers(*(job.encode() for job in self.sent[-1]))

    def gives(self, *pieces: bytes) -> None:
        """Send one piece of each answer."""
        assert self.listener is not None
        self.listener.partial([(len(piece), 0, "", {}) for piece in pieces], memoryview(b"".join(pieces)))

    def fails(self, status: int, message: str) -> None:
        """End the batch with a failure."""
        self._ended().failed(status, message)
        self.idle(self)

    def dies(self) -> None:
        """Fail the batch without ever being idle again."""
        self._ended().failed(500, "Worker died.")

    def _ended(self) -> BatchListener:
        assert self.listener is not None
        listener, self.listener = self.listener, self._ahead_listener
        if self._ahead_listener is not None:
            self.sent.append(self.ahead)
        self.ahead, self._ahead_listener = [], None
        return listener

    def _check(self, jobs: list[dict[str, Any]]) -> None:
        if any(UNSENDABLE in job["headers"] for job in jobs):
            raise ValueError("surrogates not allowed")


def a_plan(startup_timeout: float = 120, retry_window: float = 300, response_timeout: float = 60) -> WorkerPlan:
    """Return a plan for workers that only fakes can carry out."""
    return WorkerPlan(
        name="net 1.0",
        launch=LaunchSpec("python3", Path("/nowhere"), {}),
        load={"model_name": "net"},
        limits=Limits(startup_timeout, retry_window),
        response_timeout=response_timeout,
        max_response_size=1_000_000,
        log=WorkerLog("net", "1.0"),
    )
