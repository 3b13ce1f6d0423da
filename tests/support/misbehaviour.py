"""A misbehaving model and a bystander on one engine, over HTTP, with real workers; nothing may be left of it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.snapshots import WorkerSnapshot, WorkerState
from tests.support.archives import archive
from tests.support.servers import Answer, Server, make_home, make_settings, serving

HANDLERS = Path(__file__).parent.parent / "end_to_end" / "misbehaviour" / "handlers"
MODEL = "odd"
PATIENCE = 20.0


@dataclass
class Bystander:
    """Asks a model of good behaviour all the time. `slowest` is in seconds."""

    server: Server
    answers: list[Answer] = field(default_factory=list)
    slowest: float = 0.0

    async def ask(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            self.answers.append(await self.server.predict("bystander", data=b"x"))
            self.slowest = max(self.slowest, loop.time() - started)
            await asyncio.sleep(0.01)

    def check(self) -> None:
        assert self.answers
        assert {(answer.status, answer.body) for answer in self.answers} == {(200, b"OK")}
        assert self.slowest < 2


@dataclass
class Place:
    """A server with the misbehaving model registered, and somebody who watches the other model."""

    server: Server
    bystander: Bystander

    async def ask(self, order: str) -> Answer:
        async with asyncio.timeout(PATIENCE):
            return await self.server.predict(MODEL, data=order.encode())

    @property
    def worker(self) -> WorkerSnapshot:
        [worker] = self.server.engine.describe(MODEL)[0].workers
        return worker

    async def works(self, order: str = "well") -> None:
        """The next request is answered, by this worker or the one that takes its place."""
        answer = await self.ask(order)
        assert (answer.status, answer.body) == (200, b"well"), answer
        assert self.worker.state is WorkerState.READY


@asynccontextmanager
async def misbehaving(
    root: Path, handler: str, *, files: dict[str, bytes] | None = None, **options: Any
) -> AsyncIterator[Place]:
    """Serve the handler HANDLER.py; on leaving, its bystander must have been answered throughout."""
    home = make_home(root)
    contents: dict[str, bytes | Path] = {**(files or {})}
    source = (HANDLERS / f"{handler}.py").read_text(encoding="utf-8")
    archive(home.model_store, MODEL, source=source, files=contents)
    archive(home.model_store, "bystander")
    settings = {"default_response_timeout": 30, "default_startup_timeout": 30, **options}
    async with serving(home, make_settings(**settings)) as server:
        answer = await server.register("url=bystander-1.0.mar&initial_workers=1&synchronous=true")
        assert answer.status == 200, answer
        bystander = Bystander(server)
        asking = asyncio.get_running_loop().create_task(bystander.ask())
        try:
            yield Place(server, bystander)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        bystander.check()


@asynccontextmanager
async def misbehaving_model(root: Path, handler: str, query: str = "", **options: Any) -> AsyncIterator[Place]:
    """Serve the handler with one worker that is ready."""
    async with misbehaving(root, handler, **options) as place:
        answer = await place.server.register(f"url={MODEL}-1.0.mar&initial_workers=1&synchronous=true{query}")
        assert answer.status == 200, answer
        yield place


def leaving_nothing(test: Coroutine[Any, Any, None]) -> None:
    """Run `test`; no process, descriptor or task may be left."""

    async def run() -> None:
        await test
        current = asyncio.current_task()
        assert {task for task in asyncio.all_tasks() if task is not current} == set()

    me = psutil.Process()
    gc.collect()
    before = me.num_fds()
    asyncio.run(run())
    gc.collect()
    assert me.children(recursive=True) == []
    assert me.num_fds() <= before
