"""The workers of one version: compares target and observed, starts and drains. On the loop."""

from __future__ import annotations

import asyncio
import math
import os
from typing import TYPE_CHECKING, NamedTuple

from engine.deadlines import time_limit
from engine.errors import WorkerStartError
from engine.registry.records import Target
from engine.snapshots import FAILING, Stream, WorkerState
from engine.tasks import TaskGroup
from engine.workers import lifecycle as life
from engine.workers.environment import THREADS, threads_of_each
from engine.workers.reconciler import plan
from engine.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.workers.launcher import Launcher
    from engine.workers.worker import Dispatcher, WorkerPlan

KILLED = "killed on request"
CANNOT_LOAD = "The model could not be loaded: {}. Marina tries again by itself; the version's log has more."
GIVEN_UP = "The workers have failed: {}. Mend that, then scale the model again, or retry in the window."
LEAVING = (WorkerState.DRAINING, WorkerState.STOPPED)
# How many workers are started in one turn of the loop, which others wait for.
START_SLICE = 20
NEVER_STARTED = "it was not needed any more before it was started"


class Outlook(NamedTuple):
    """What requests have to expect of the workers of a version.

    With `able` 0, `reason` says why no worker could load and what helps, "" when there is none to load; `retry_due` is
    when the next attempt begins, on the loop's clock, 0 for one that is under way.
    """

    able: int
    reason: str = ""
    retry_due: float = math.inf


class Pool:
    """All workers of one version, oldest first.

    `resting` says that they were let go for want of requests, whatever the target, until `set_target` is called again.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        launcher: Launcher,
        dispatcher: Dispatcher,
        ids: Iterator[int],
        on_change: Callable[[], None],
    ) -> None:
        """`ids` gives worker ids, shared by all pools so that none is used twice; `on_change` follows every event."""
        self.target = Target()
        self.resting = False
        self.workers: dict[str, Worker] = {}
        self._plan = plan
        self._launcher = launcher
        self._dispatcher = dispatcher
        self._ids = ids
        self._on_change = on_change
        self._processes = TaskGroup()
        self._changed: list[asyncio.Future[None]] = []
        # Ids of the workers that can take requests now or soon; kept up to date, for every event of a worker asks.
        self._able: set[str] = set()
        # Workers whose start is for a later turn of the loop, oldest first.
        self._waiting: dict[str, Worker] = {}
        self._start_scheduled = False

    @property
    def hopeful(self) -> int:
        """How many workers serve requests now or will: all but the leaving and the failed."""
        return sum(worker.state not in (*LEAVING, WorkerState.FAILED) for worker in self.workers.values())

    def outlook(self) -> Outlook:
        """Return how many workers can take requests now or soon, and if none could load, why and what comes next."""
        if self._able:
            return Outlook(len(self._able))
        coming = [one for one in self.workers.values() if one.state not in (*LEAVING, WorkerState.FAILED)]
        if coming:
            reason = CANNOT_LOAD.format(coming[0].life.facts.last_death)
            return Outlook(0, reason, min(worker.retry_due for worker in coming))
        failed = next((one for one in self.workers.values() if one.state is WorkerState.FAILED), None)
        return Outlook(0, GIVEN_UP.format(failed.life.facts.last_death) if failed else "")

    @property
    def is_short(self) -> bool:
        """Whether fewer workers serve, or will, than the target asks for. One that rests is as it should be."""
        return not self.resting and self.hopeful < self.target.min_workers

    @property
    def staying(self) -> list[Worker]:
        """The workers that are not on their way out, oldest first."""
        return [worker for worker in self.workers.values() if worker.state not in LEAVING]

    def set_target(self, target: Target, drain_timeout: float | None = None) -> list[Worker]:
        """Take `target` and act on it; returns the workers that are to come up.

        `drain_timeout` is how many seconds workers on their way out may take for their jobs, None for no limit. Failed
        workers are tried again: whoever scales has usually mended something.
        """
        self.target = target
        self.resting = False
        todo = plan(target, [worker.id for worker in self.staying])
        for worker_id in todo.drain:
            self._drain(self.workers[worker_id], drain_timeout)
        retried = [worker for worker in self.workers.values() if worker.state is WorkerState.FAILED]
        for worker in retried:
            worker.feed(life.Retry())
        coming = retried + self._start(todo.start)
        self._deal_processors()
        return coming

    def resize(self, count: int) -> None:
        """Start workers until there are `count`, or let spare ones go, newest first; the target stays."""
        staying = self.staying
        self._start(count - len(staying))
        spare = [worker for worker in reversed(staying) if worker.spare]
        for worker in spare[: max(0, len(staying) - count)]:
            self._drain(worker, None)
        self._deal_processors()

    def rest(self) -> None:
        """Let every worker go until `set_target` is called again; the target stays."""
        self.resting = True
        for worker in self.staying:
            self._drain(worker, None)

    async def settled(self, coming: list[Worker]) -> None:
        """Wait until every worker in `coming` is ready and none is draining.

        Raises WorkerStartError with the cause once one of them fails (TorchServe: the first failure ends the wait).
        """
        while True:
            for worker in coming:
                if worker.state in FAILING:
                    facts = worker.life.facts
                    raise WorkerStartError(
                        f"worker {worker.id}: {facts.last_death}",
                        cause=facts.last_death,
                        out_of_memory=facts.out_of_memory,
                    )
            loading = any(worker.state is not WorkerState.READY and worker.state not in LEAVING for worker in coming)
            leaving = any(worker.state is WorkerState.DRAINING for worker in self.workers.values())
            if not loading and not leaving:
                return
            await self._change()

    def retry(self, worker_id: str) -> None:
        """Start a failed worker again now; nothing happens to one that does not exist or runs."""
        worker = self.workers.get(worker_id)
        if worker is not None and worker.state in FAILING:
            worker.feed(life.Retry())
            self._deal_processors()

    def kill(self, worker_id: str) -> None:
        """End a worker's process at once, upon which it starts again as after any death.

        Nothing happens to a worker that does not exist or has no process.
        """
        worker = self.workers.get(worker_id)
        if worker is not None:
            worker.broken(KILLED)

    async def close(self, drain_timeout: float | None, exit_timeout: float | None = None) -> None:
        """Drain every worker and return when the last process is gone.

        Workers that drain without a limit already are hurried when `drain_timeout` is one. Raises TimeoutError when a
        process is still there `exit_timeout` seconds after the last worker was done with, though it was killed.
        """
        draining = [worker for worker in self.workers.values() if worker.state is WorkerState.DRAINING]
        self.set_target(Target(), drain_timeout)
        for worker in draining:
            worker.feed(life.Drain(drain_timeout))
        while self.workers:
            await self._change()
        async with time_limit(exit_timeout):
            await self._processes.join()

    def _start(self, count: int) -> list[Worker]:
        """Return so many new workers, some of which start now and the others in the next turns of the loop."""
        new = []
        for _ in range(count):
            worker = Worker(
                str(next(self._ids)),
                self._plan,
                self._launcher,
                self._dispatcher,
                self._processes,
                self._worker_changed,
            )
            self.workers[worker.id] = self._waiting[worker.id] = worker
            self._able.add(worker.id)
            new.append(worker)
        if not self._start_scheduled:
            self._start_some()
        return new

    def _start_some(self) -> None:
        self._start_scheduled = False
        for worker_id in list(self._waiting)[:START_SLICE]:
            self._waiting.pop(worker_id).feed(life.Start())
        if self._waiting:
            self._start_scheduled = True
            asyncio.get_running_loop().call_soon(self._start_some)

    def _drain(self, worker: Worker, drain_timeout: float | None) -> None:
        worker.feed(life.Drain(drain_timeout))
        if self._waiting.pop(worker.id, None) is not None:
            worker.feed(life.LaunchFailed(NEVER_STARTED))

    def _deal_processors(self) -> None:
        """Give each worker that serves or will its share of the processors, unless the number of threads is fixed."""
        if THREADS in self._plan.launch.environment:
            return
        coming = [worker for worker in self.staying if worker.state is not WorkerState.FAILED]
        threads = threads_of_each(len(coming), os.cpu_count() or 1)
        for worker in coming:
            worker.use_threads(threads)

    def _worker_changed(self, worker: Worker) -> None:
        if worker.state in (*LEAVING, WorkerState.FAILED) or worker.life.facts.cannot_load:
            self._able.discard(worker.id)
        else:
            self._able.add(worker.id)
        if worker.state is WorkerState.STOPPED:
            self.workers.pop(worker.id, None)
        elif worker.state in FAILING:
            facts = worker.life.facts
            self._plan.log.add(
                worker.id,
                Stream.MARINA,
                f"{worker.state}: {facts.last_death}",
                # Scripts take the last line of a traceback for the end of the story.
                brief=f"{worker.state}: see the traceback above" if facts.last_death in facts.traceback else "",
            )
            if worker.state is WorkerState.FAILED:
                self._deal_processors()
        self._on_change()
        waiting, self._changed = self._changed, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _change(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._changed.append(future)
        await future
