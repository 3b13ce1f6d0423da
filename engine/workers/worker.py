"""One worker: the executor of its life. Turns commands into I/O and what happens back into events. On the loop.

The process of a `Kill` is let go of at once: it is still waited for, but its end means nothing to the life any more.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from engine.deadlines import Deadline
from engine.memory_account import Account
from engine.snapshots import FAILING, LogLine, Stream, WorkerSnapshot, WorkerState
from engine.workers import lifecycle as life
from engine.workers.channel import DIED, Channel, Emitted
from engine.workers.environment import thread_variables
from engine.workers.memory import Memory
from engine.workers.outcome import describe_exit, status_of
from engine.workers.output import LastWords

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.tasks import TaskGroup
    from engine.workers.launcher import Launcher, LaunchSpec, WorkerProcess
    from engine.workers.log import WorkerLog


# A process that closed its socket is about to exit; after this many seconds it is taken for broken.
EXIT_GRACE = 2.0
# TorchServe's words in its log for what makes a worker fail.
DIED_WORDS = "Backend worker process died."
_ERROR_WORDS = "Backend worker error: {cause}"
FAILURE_WORDS: dict[type[life.Event], tuple[str, ...]] = {
    life.LaunchFailed: (_ERROR_WORDS,),
    # The cause is in the traceback, which the worker has printed.
    life.LoadFailed: ("Load model failed: {model}, error: Worker died.", DIED_WORDS),
    life.TimerDue: (_ERROR_WORDS,),
    life.Broken: (_ERROR_WORDS,),
    life.Exited: (DIED_WORDS,),
}


class Dispatcher(Protocol):
    """Whoever gives jobs to workers; the job queue of the version."""

    def serve(self, channel: Channel) -> None:
        """Give this worker jobs from now on."""

    def keeps(self, channel: Channel) -> bool:
        """Whether later requests need this very worker, though it has no job now."""

    def retire(self, channel: Channel, done: Callable[[], None]) -> None:
        """Give it no more jobs than it must have, and call `done` once it has none."""

    def drop(self, channel: Channel) -> None:
        """Forget this worker at once."""


def _passed_over(*_told: object) -> None:
    """Stand in where nobody collects metrics."""


def _on_cpu(_worker: Worker) -> None:
    """Stand in where nobody knows of GPUs."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How the workers of one version are made: the process, the LOAD frame, and the limits in seconds and bytes.

    `take_metrics` gets what their handlers emit, `took` how many milliseconds a batch of requests with these ids
    needed, `log` what they print and how they end. `place` is asked for each process of a worker and gives its GPU,
    None for the CPU: LOAD's gpu_id. `answers` counts what their large answers hold.
    """

    name: str
    launch: LaunchSpec
    load: dict[str, Any]
    limits: life.Limits
    response_timeout: float
    max_response_size: int
    log: WorkerLog
    take_metrics: Callable[[list[Emitted]], None] = _passed_over
    took: Callable[[float, tuple[str, ...]], None] = _passed_over
    place: Callable[[Worker], int | None] = _on_cpu
    answers: Account = field(default_factory=Account)


class Worker:
    """A worker of one version, from Start to Forget."""

    def __init__(
        self,
        worker_id: str,
        plan: WorkerPlan,
        launcher: Launcher,
        dispatcher: Dispatcher,
        tasks: TaskGroup,
        on_change: Callable[[Worker], None],
    ) -> None:
        """`on_change` is called after every event; `tasks` outlives the worker and waits for its processes.

        `load_time` is how many seconds the newest process took to be ready, None before the first one was. `gpu_id`
        is the GPU that it was given, `memory` and `gpu_memory` are what it was last seen to hold.
        """
        self.life = life.Life(worker_id, plan.limits)
        self.started = time.time()
        self.memory = Memory(0, 0)
        self.gpu_memory: int | None = None
        self.gpu_id: int | None = None
        self.load_time: float | None = None
        self._plan = plan
        self._launcher = launcher
        self._dispatcher = dispatcher
        self._tasks = tasks
        self._on_change = on_change
        self._events: deque[life.Event] = deque()
        self._acting = False
        self._channel: Channel | None = None
        self._process: WorkerProcess | None = None
        self._last_words = LastWords()
        self._launched = 0.0
        self._timer: Deadline | None = None
        self._requests_before = 0
        self._threads = self._told_threads = 0

    @property
    def id(self) -> str:
        """The worker's id, never used again by another."""
        return self.life.id

    @property
    def state(self) -> WorkerState:
        """Where the worker is in its life."""
        return self.life.state

    @property
    def busy(self) -> bool:
        """Whether jobs are in flight."""
        return self._channel is not None and self._channel.busy

    @property
    def spare(self) -> bool:
        """Whether it is ready, has no job, and nothing needs it later."""
        channel = self._channel
        if self.state is not WorkerState.READY or channel is None:
            return False
        return not channel.busy and not self._dispatcher.keeps(channel)

    @property
    def retry_due(self) -> float:
        """When a worker that could not load is started again, on the loop's clock; 0 when it is being started now."""
        return self._timer.due if self.state is WorkerState.BACKING_OFF and self._timer is not None else 0.0

    def snapshot(self) -> WorkerSnapshot:
        """Return the worker as it is now."""
        facts = self.life.facts
        return WorkerSnapshot(
            id=self.id,
            state=self.state,
            busy=self.busy,
            pid=facts.pid,
            device=facts.device,
            started=self.started,
            memory=self.memory.share if facts.pid is not None else 0,
            gpu_memory=self.gpu_memory if facts.pid is not None else None,
            requests=self._requests_before + (self._channel.requests if self._channel else 0),
            restarts=facts.restarts,
            last_death=facts.last_death,
            traceback=facts.traceback,
            resident=self.memory.resident if facts.pid is not None else 0,
        )

    def use_threads(self, threads: int) -> None:
        """Have the numeric libraries of its process, and of those that follow it, use so many threads."""
        self._threads = threads
        channel = self._channel
        if channel is not None and threads != self._told_threads:
            self._told_threads = threads
            channel.set_threads(threads)

    def unfinished_lines(self) -> list[LogLine]:
        """Return what there is of printed lines that have not ended, as a progress bar."""
        printed = self._process.unfinished() if self._process is not None else {}
        return [LogLine(time.time(), self.id, Stream(stream), text) for stream, text in printed.items()]

    def feed(self, event: life.Event) -> None:
        """Let `event` happen. An event that a command causes on the spot is handled after the command's whole list."""
        self._events.append(event)
        if self._acting:
            return
        self._acting = True
        try:
            while self._events:
                next_event = self._events.popleft()
                for command in self.life.handle(next_event, asyncio.get_running_loop().time()):
                    self._run(command)
                self._note_failure(next_event)
        finally:
            self._acting = False
        self._on_change(self)

    def _run(self, command: life.Command) -> None:
        match command:
            case life.Launch():
                self.memory, self.gpu_memory, self.gpu_id = Memory(0, 0), None, self._plan.place(self)
                self._tasks.start(self._launch(), f"worker {self.id} of {self._plan.name}")
            case life.SendLoad() if self._channel:
                self._channel.load({**self._plan.load, "gpu_id": self.gpu_id})
                self.use_threads(self._threads)
            case life.SetTimer(delay):
                self._set_timer(delay)
            case life.CancelTimer():
                self._cancel_timer()
            case life.Serve() if self._channel:
                self._dispatcher.serve(self._channel)
            case life.Retire() if self._channel:
                self._dispatcher.retire(self._channel, lambda: self.feed(life.Drained()))
            case life.CloseChannel() if self._channel:
                self._channel.close()
            case life.Kill():
                self._let_go(500, kill=True)
            case life.Forget():
                pass  # the pool sees the state
            case _:
                raise NotImplementedError(f"worker {self.id} cannot {command}")

    async def _launch(self) -> None:
        """Start the process, then stay until it has ended and its output is read."""
        # Of this life alone: what an earlier process printed says nothing about the end of this one.
        self._last_words = words = LastWords()
        self._launched = time.perf_counter()
        plan = self._plan
        timeout = plan.response_timeout
        channel = Channel(self, max_body=plan.max_response_size, response_timeout=timeout, answers=plan.answers)
        self._told_threads = self._threads
        try:
            process = await self._launcher.launch(self._launch_spec(), channel, partial(self._print, words))
        except Exception as error:  # noqa: BLE001 - whatever kept it from starting, a Launch ends with one event
            self.feed(life.LaunchFailed(_launch_problem(self._plan.launch, error)))
            return
        self._channel, self._process = channel, process
        self.feed(life.Launched(process.pid))
        returncode = await process.wait()
        if process is self._process:
            in_flight = self._let_go(status_of(returncode), kill=False)
            cause = _cause(describe_exit(returncode), in_flight)
            self._note_loss(cause, in_flight)
            self.feed(life.Exited(cause, words.text()))

    def _launch_spec(self) -> LaunchSpec:
        launch = self._plan.launch
        return replace(launch, environment={**thread_variables(self._threads), **launch.environment})

    def _let_go(self, status: int, *, kill: bool) -> int:
        """Have done with the current process; returns how many requests were in flight."""
        process, channel, self._process, self._channel = self._process, self._channel, None, None
        if channel is None or process is None:
            return 0
        self._dispatcher.drop(channel)
        in_flight = channel.in_flight
        self._requests_before += channel.requests
        if kill:
            process.kill()
        channel.abort(status, DIED)
        return in_flight

    def _note_failure(self, event: life.Event) -> None:
        """Log TorchServe's words for an event that made the worker fail."""
        if self.state in FAILING:
            log, cause = self._plan.log, self.life.facts.last_death
            for words in FAILURE_WORDS.get(type(event), ()):
                log.failed(self.id, words.format(model=log.model, cause=cause))

    def _note_loss(self, cause: str, in_flight: int) -> None:
        """Log the end of a worker that leaves when it takes requests along: somebody waits for those."""
        if in_flight and self.state is WorkerState.DRAINING:
            self._plan.log.failed(self.id, DIED_WORDS)
            self._plan.log.add(self.id, Stream.MARINA, f"{self.state}: {cause}")

    def _set_timer(self, delay: float) -> None:
        self._cancel_timer()
        self._timer = Deadline(delay, self._timer_due)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timer_due(self) -> None:
        self._timer = None
        self.feed(life.TimerDue(self._end_of_output()))

    def _end_of_output(self) -> str:
        return self._last_words.text(self._process.unfinished() if self._process is not None else None)

    def _print(self, words: LastWords, stream: str, line: str) -> None:
        self._plan.log.add(self.id, Stream(stream), line)
        words.add(stream, line)

    # The channel's side

    def loaded(self, device: str) -> None:
        """Take LOADED from the worker."""
        if self.state is WorkerState.LOADING:
            self.load_time = time.perf_counter() - self._launched
            self.feed(life.Loaded(device))

    def load_failed(self, code: int, message: str, traceback: str) -> None:
        """Take LOAD_FAILED from the worker."""
        if self.state is WorkerState.LOADING:
            self.feed(life.LoadFailed(message, traceback, out_of_memory=code == 507))  # noqa: PLR2004 - TorchServe's code

    def metrics(self, metrics: list[Emitted]) -> None:
        """Take METRICS from the worker."""
        self._plan.take_metrics(metrics)

    def took(self, milliseconds: float, request_ids: tuple[str, ...]) -> None:
        """Take the time of a batch from the worker."""
        self._plan.took(milliseconds, request_ids)

    def broken(self, cause: str) -> None:
        """Give up on a worker that sends nonsense or does not answer."""
        if self.state in (WorkerState.LOADING, WorkerState.READY, WorkerState.DRAINING):
            in_flight = self._channel.in_flight if self._channel else 0
            story = _cause(cause, in_flight)
            self._note_loss(story, in_flight)
            self.feed(life.Broken(story, self._end_of_output()))

    def disconnected(self) -> None:
        """Stop giving jobs to a worker whose socket is closed, and expect the end of its process."""
        if self._channel is not None and self._process is not None:
            self._dispatcher.drop(self._channel)
            Deadline(EXIT_GRACE, partial(self._still_there, self._process))

    def _still_there(self, process: WorkerProcess) -> None:
        if process is self._process:
            self.broken("the worker closed its connection but did not exit")


def _launch_problem(spec: LaunchSpec, error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and str(error.filename) == str(spec.folder):
        return f"the model's folder is gone: {spec.folder}. Register the model again"
    reason = (isinstance(error, OSError) and error.strerror) or error
    return f"cannot start {spec.python}: {reason}"


def _cause(what: str, in_flight: int) -> str:
    if in_flight == 0:
        return what
    return f"{what}, {in_flight} request{'s' if in_flight > 1 else ''} failed"
