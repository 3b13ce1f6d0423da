"""A hand-written engine and host with the real one's face, and snapshots to fill them with. On the test's loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shiboken6 import isValid

from engine.errors import VersionNotFoundError
from engine.making import ArchivePlan, look
from engine.registration import Registration
from engine.settings import Settings
from engine.snapshots import (
    Act,
    ArchiveSummary,
    Changes,
    Key,
    LogLine,
    LogLines,
    Machine,
    Progress,
    QueueSnapshot,
    VersionSnapshot,
    VersionState,
    WorkerSnapshot,
    WorkerState,
)
from engine.tokens import TokenInfo, TokenKind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from PySide6.QtWidgets import QWidget

    from engine.errors import MarinaError

    Run = Callable[[Coroutine[Any, Any, Any]], Any]

ADDRESSES = {"management": "http://127.0.0.1:8081", "inference": "http://127.0.0.1:8080"}
MB = 1_000_000


def a_worker(worker_id: str = "9000", state: WorkerState = WorkerState.READY, **changed: Any) -> WorkerSnapshot:
    worker = WorkerSnapshot(
        id=worker_id,
        state=state,
        busy=False,
        pid=18211,
        device="cpu",
        started=0.0,
        memory=61 * MB,
        gpu_memory=None,
        requests=12,
        restarts=0,
        last_death="",
        traceback="",
    )
    return replace(worker, **changed)


def a_queue(**changed: Any) -> QueueSnapshot:
    return replace(QueueSnapshot(pending=0, capacity=100, in_flight=0, accepted=0, answered=0, failed=0), **changed)


def a_version(name: str = "digits", version: str = "1.0", **changed: Any) -> VersionSnapshot:
    snapshot = VersionSnapshot(
        key=Key(name, version),
        is_default=True,
        state=VersionState.READY,
        url=f"{name}.mar",
        size=2_300_000,
        handler="image_classifier",
        runtime="python",
        min_workers=1,
        max_workers=1,
        batch_size=1,
        max_batch_delay=100,
        response_timeout=120,
        startup_timeout=120,
        max_retry_timeout=300,
        client_timeout=0,
        device_type="",
        loaded_at_startup=False,
        workers=(a_worker(),),
        queue=a_queue(),
    )
    return replace(snapshot, **changed)


def a_summary(file_name: str = "digits.mar", **changed: Any) -> ArchiveSummary:
    summary = ArchiveSummary(
        file_name=file_name,
        size=2_300_000,
        sha256="ab" * 32,
        model_name=file_name.removesuffix(".mar"),
        version="1.0",
        handler="image_classifier",
        runtime="python",
        description="",
        files=("model.pt", "handler.py"),
    )
    return replace(summary, **changed)


class FakeEngine:
    """Keeps versions, a feed of their changes, and a list of every operation called."""

    def __init__(self) -> None:
        self.versions: dict[Key, VersionSnapshot] = {}
        self.calls: list[tuple[object, ...]] = []
        self.error: MarinaError | None = None
        self.gate: asyncio.Event | None = None
        self.summary = a_summary()
        self.stored: set[str] = set()
        self.lines: dict[Key, list[LogLine]] = {}
        self.unfinished: dict[Key, list[LogLine]] = {}
        self.running: list[Act] = []
        self.told: tuple[str, ...] = ()
        self.offered: list[str] = []
        self.the_machine = Machine(cpu=22.0, cores=16, memory_used=9_400 * MB, memory_total=128_000 * MB)
        self._revision = 1
        self._touched: dict[Key, int] = {}
        self._removed: dict[Key, int] = {}
        self.wakers: list[Callable[[], None]] = []

    def put(self, *snapshots: VersionSnapshot) -> None:
        for snapshot in snapshots:
            self.versions[snapshot.key] = snapshot
            self._removed.pop(snapshot.key, None)
            self._touch(self._touched, snapshot.key)

    def remove(self, key: Key) -> None:
        del self.versions[key], self._touched[key]
        self._touch(self._removed, key)

    def _touch(self, where: dict[Key, int], key: Key) -> None:
        self._revision += 1
        where[key] = self._revision
        for wake in list(self.wakers):
            wake()

    def changes(self, since: int) -> Changes:
        changed = tuple(self.versions[key] for key, at in self._touched.items() if at > since)
        removed = tuple(key for key, at in self._removed.items() if at > since)
        return Changes(self._revision, changed, () if since == 0 else removed, complete=since == 0)

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        self.wakers.append(wake)
        return lambda: self.wakers.remove(wake)

    async def _called(self, *call: object) -> None:
        self.calls.append(call)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error

    async def register(self, registration: Registration, progress: Callable[[Progress], None] | None = None) -> str:
        await self._called("register", registration)
        if progress is not None:
            progress(Progress("unpacking", 318 * MB, 512 * MB))
        name = registration.model_name or self.summary.model_name
        self.put(a_version(name, self.summary.version))
        return f'Model "{name}" registered'

    async def scale(
        self,
        name: str,
        version: str | None,
        *,
        min_workers: int,
        max_workers: int | None = None,
        synchronous: bool = False,
        timeout: int = -1,
    ) -> str:
        assert (synchronous, timeout) == (False, -1)
        await self._called("scale", name, version, min_workers, max_workers)
        return "Processing worker updates..."

    def retry(self, name: str, version: str, worker_id: str) -> None:
        self.calls.append(("retry", name, version, worker_id))
        if self.error is not None:
            raise self.error

    def kill(self, name: str, version: str, worker_id: str) -> None:
        self.calls.append(("kill", name, version, worker_id))
        if self.error is not None:
            raise self.error

    def log(self, name: str, version: str, since: int = 0) -> LogLines:
        lines = self.lines.get(Key(name, version), [])
        return LogLines(len(lines), tuple(lines[since:]))

    def unfinished_lines(self, name: str, version: str) -> tuple[LogLine, ...]:
        return tuple(self.unfinished.get(Key(name, version), ()))

    def acts(self) -> tuple[Act, ...]:
        return tuple(self.running)

    def cancel(self, act_id: int) -> None:
        self.calls.append(("cancel", act_id))
        self.running = [act for act in self.running if act.id != act_id]

    def notices(self) -> tuple[str, ...]:
        return self.told

    def machine(self) -> Machine:
        return self.the_machine

    def registration_of(self, name: str, version: str) -> Registration:
        if Key(name, version) not in self.versions:
            raise VersionNotFoundError(f"Model version: {version} does not exist for model: {name}")
        snapshot = self.versions[Key(name, version)]
        return Registration(snapshot.url, model_name=name, initial_workers=snapshot.min_workers)

    async def set_default(self, name: str, version: str) -> str:
        await self._called("set_default", name, version)
        return "Default version successfully updated"

    async def unregister(self, name: str, version: str | None = None, *, timeout: int = -1) -> str:
        assert timeout == -1
        await self._called("unregister", name, version)
        self.remove(Key(name, version or ""))
        return f'Model "{name}" unregistered'

    async def add_to_store(self, path: Path, progress: Callable[[Progress], None]) -> str:
        progress(Progress("copying", MB, 3 * MB))
        await self._called("add_to_store", path)
        return path.name

    async def stored_archives(self) -> list[str]:
        return sorted(self.stored)

    async def discard_from_store(self, file_name: str) -> None:
        self.calls.append(("discard_from_store", file_name))
        self.stored.discard(file_name)

    async def plan_archive(self, paths: Sequence[Path]) -> ArchivePlan:
        await self._called("plan_archive", *paths)
        return look(paths)

    async def place_for(self, file_name: str) -> Path:
        stem = file_name.removesuffix(".mar")
        return Path("/store", f"{stem}-2.mar" if file_name in self.stored else file_name)

    async def make_archive(self, plan: ArchivePlan, progress: Callable[[Progress], None]) -> Path:
        progress(Progress("packing", MB, 3 * MB))
        await self._called("make_archive", plan)
        return Path("/store", plan.archive)

    async def try_source(self, registration: Registration) -> str:
        await self._called("try_source", registration)
        return "The archive is there: 12.5 MB, encrypted with SSE-KMS."

    def offers(self) -> tuple[str, ...]:
        return tuple(self.offered)

    def decline(self, file_name: str) -> None:
        self.calls.append(("decline", file_name))
        self.offered.remove(file_name)

    async def inspect(self, file_name: str) -> ArchiveSummary:
        await self._called("inspect", file_name)
        return replace(self.summary, file_name=file_name)


class FakeHost:
    """An engine that says it listens; `errors` are raised by `start`, one a time."""

    def __init__(self, engine: FakeEngine | None = None, errors: list[MarinaError] | None = None) -> None:
        self.engine = engine or FakeEngine()
        self.errors = errors if errors is not None else []
        self.calls: list[str] = []
        self.gate: asyncio.Event | None = None
        self.settings = Settings()
        self.headers: dict[str, str] = {}
        self.known: tuple[TokenInfo, ...] = ()

    def authorization(self, listener: str) -> Mapping[str, str]:
        return self.headers if listener in ADDRESSES else {}

    @property
    def key_file(self) -> Path | None:
        return Path("/run/marina/key_file.json") if self.known else None

    def tokens(self) -> tuple[TokenInfo, ...]:
        return self.known

    async def renew(self, kind: TokenKind) -> None:
        self.calls.append(f"renew {kind}")
        fresh = TokenInfo(kind, f"fresh-{kind}", datetime.now(UTC) + timedelta(hours=1))
        self.known = tuple(fresh if token.kind is kind else token for token in self.known)
        if kind is TokenKind.INFERENCE:
            self.headers = {"Authorization": f"Bearer {fresh.key}"}

    @property
    def addresses(self) -> Mapping[str, str]:
        return ADDRESSES if self.calls[-1:] == ["started"] else {}

    async def start(self) -> None:
        self.calls.append("start")
        if self.gate is not None:
            await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.calls.append("started")

    async def stop(self) -> None:
        self.calls.append("stop")


def gone(widget: QWidget) -> bool:
    """Whether it is off the screen; a dialog that was asked is deleted soon after, and then must not be asked again."""
    return not isValid(widget) or not widget.isVisible()


async def until(is_so: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - what widgets show has no event to wait for
            await asyncio.sleep(0.001)
