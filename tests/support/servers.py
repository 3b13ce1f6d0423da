"""A whole Host on free ports, with an HTTP client for its APIs."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from aiohttp import ClientSession

from engine.engine import Engine
from engine.home import Home
from engine.host import Host
from engine.settings import Address, Settings
from engine.snapshots import WorkerState
from engine.workers.launcher import Launcher
from engine.workers.orphan_guard import PROGRAM

FREE = Address("http", "127.0.0.1", 0)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The `status` of TorchServe's answers."""
        return str(self.json["status"])

    @property
    def error(self) -> tuple[int, str, str]:
        """Code, type and message of TorchServe's errors."""
        value = self.json
        return value["code"], value["type"], value["message"]


@dataclass(frozen=True)
class Server:
    """A running Host. `store` is its model store."""

    host: Host
    session: ClientSession

    @property
    def engine(self) -> Engine:
        return self.host.engine

    @property
    def urls(self) -> dict[str, str]:
        """The URLs of the HTTP APIs by name."""
        return {api: url for api, url in self.host.addresses.items() if url.startswith("http")}

    @property
    def store(self) -> Path:
        return self.engine.home.model_store

    async def ask(self, api: str, method: str, path: str, **options: Any) -> Answer:
        url = self.host.addresses[api] + path
        async with self.session.request(method, url, **options) as response:
            return Answer(response.status, response.reason or "", response.headers, await response.read())

    async def manage(self, method: str, path: str, **options: Any) -> Answer:
        return await self.ask("management", method, path, **options)

    async def register(self, query: str) -> Answer:
        return await self.manage("POST", f"/models?{query}")

    async def describe(self, path: str) -> list[dict[str, Any]]:
        answer = await self.manage("GET", f"/models/{path}")
        assert answer.status == 200, answer
        return list(answer.json)

    async def names(self) -> list[str]:
        return [model["modelName"] for model in (await self.manage("GET", "/models")).json["models"]]

    async def predict(self, path: str, **options: Any) -> Answer:
        return await self.ask("inference", "POST", f"/predictions/{path}", **options)


Scenario = Callable[[Server], Awaitable[None]]


def make_home(root: Path) -> Home:
    """Return a home below `root`, with the model store there already so that tests can fill it."""
    home = Home.find({"MARINA_HOME": str(root / "home")})
    home.model_store.mkdir(parents=True, exist_ok=True)
    return home


def make_settings(**changed: Any) -> Settings:
    """Return settings with free ports."""
    return dataclasses.replace(
        Settings(
            inference_address=FREE,
            management_address=FREE,
            metrics_address=FREE,
            grpc_inference_port=0,
            grpc_management_port=0,
        ),
        **changed,
    )


@asynccontextmanager
async def serving(home: Home, settings: Settings, launcher: Launcher | None = None) -> AsyncIterator[Server]:
    """Run a Host for as long as the block lasts."""
    host = Host(settings, home)
    if launcher is not None:
        host.engine._assembly.launcher = launcher
    await host.start()
    try:
        async with ClientSession() as session:
            yield Server(host, session)
    finally:
        await host.stop()


async def until(engine: Engine, condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; it is looked at after every change of the engine."""
    changed = asyncio.Event()
    unsubscribe = engine.subscribe(changed.set)
    try:
        while not condition():
            changed.clear()
            await asyncio.wait_for(changed.wait(), 20)
    finally:
        unsubscribe()


async def until_state(engine: Engine, name: str, state: WorkerState) -> None:
    """Wait until a worker of the default version is in `state`."""
    await until(engine, lambda: any(worker.state is state for worker in engine.describe(name)[0].workers))


def unpacked(server: Server) -> list[Path]:
    """Return the folders of unpacked models of this process."""
    return [entry for entry in server.engine._arrivals.scratch.folder.iterdir() if entry.is_dir()]


def worker_processes() -> list[psutil.Process]:
    """Return the processes below this one, but for fork server and orphan guard, which stay until the engine stops."""
    children = psutil.Process().children()
    helpers = [child for child in children if is_helper(child)]
    return [process for process in psutil.Process().children(recursive=True) if process not in helpers]


def is_helper(child: psutil.Process) -> bool:
    """Whether a child of the engine is its fork server or the guard of its workers."""
    line = child.cmdline()
    return "forkserver" in line or str(PROGRAM) in line
