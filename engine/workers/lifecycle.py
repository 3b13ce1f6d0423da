"""The life of one worker as a pure state machine: events in, commands out. No clock, no I/O, no await.

Everything that decides what a worker does next lives in this file. `Life.handle(event, now)` looks the pair (state,
kind of event) up in `TRANSITIONS`; a pair that is not there raises InvalidTransition with the worker's story. The
executor (`engine.workers.worker`) carries the commands out, and each of them comes back as at most one event.

A worker is *starting* until its process runs, *loading* until the handler is initialised, then *ready*. A failure kills
what is left of the process and leads to *backing off*, or to *failed* once failures have lasted longer than the retry
window. *Draining* lets jobs finish; *stopped* is final. Busy is no state: a ready worker with jobs in flight is busy.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from engine.snapshots import WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable

# TorchServe: waits between restarts, in seconds, by consecutive failure; the last one repeats.
BACK_OFF = (1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597)
# How long a worker whose socket was closed may take to leave by itself before it is killed, in seconds.
LEAVE_GRACE = 2.0
STORY_LENGTH = 40
# A process that dies while it loads may have been killed by chance; after so many failures in a row it was not.
FAILURES_BEYOND_CHANCE = 3


# What happens to a worker -------------------------------------------------------------------------------------------


class Event:
    """Something that happened; the subclasses are the whole vocabulary."""


@dataclass(frozen=True, slots=True)
class Start(Event):
    """The pool wants this worker."""


@dataclass(frozen=True, slots=True)
class Launched(Event):
    """The process runs and its channel is open."""

    pid: int


@dataclass(frozen=True, slots=True)
class LaunchFailed(Event):
    """No process could be started."""

    cause: str


@dataclass(frozen=True, slots=True)
class Loaded(Event):
    """The handler is initialised."""

    device: str


@dataclass(frozen=True, slots=True)
class LoadFailed(Event):
    """The handler could not be initialised; the process is of no more use."""

    cause: str
    traceback: str
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Broken(Event):
    """The worker must not go on: it answered nonsense or not in time. Its process may still run.

    `log` holds the last lines that it printed.
    """

    cause: str
    log: str = ""


@dataclass(frozen=True, slots=True)
class Exited(Event):
    """The process is gone. `cause` says how in words, `log` holds the last lines that it printed."""

    cause: str
    log: str = ""


@dataclass(frozen=True, slots=True)
class TimerDue(Event):
    """The one timer of this worker has run out. `log` holds the last lines that its process printed."""

    log: str = ""


@dataclass(frozen=True, slots=True)
class Drain(Event):
    """The pool no longer wants this worker. `timeout` in seconds for jobs to finish, None without a limit."""

    timeout: float | None


@dataclass(frozen=True, slots=True)
class Drained(Event):
    """No job is left with this worker."""


@dataclass(frozen=True, slots=True)
class Retry(Event):
    """A person asks to try again at once."""


# What to do about it ------------------------------------------------------------------------------------------------


class Command:
    """Something the executor has to do; the subclasses are the whole vocabulary."""


@dataclass(frozen=True, slots=True)
class Launch(Command):
    """Start a process: leads to Launched or LaunchFailed, and later to Exited."""


@dataclass(frozen=True, slots=True)
class SendLoad(Command):
    """Have the process load the handler: leads to Loaded, LoadFailed, Broken or Exited."""


@dataclass(frozen=True, slots=True)
class SetTimer(Command):
    """Replace the worker's one timer; leads to TimerDue after `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class CancelTimer(Command):
    """Stop the worker's timer."""


@dataclass(frozen=True, slots=True)
class Serve(Command):
    """Give the worker jobs from now on."""


@dataclass(frozen=True, slots=True)
class Retire(Command):
    """Let the worker finish its jobs and give it no others: leads to Drained."""


@dataclass(frozen=True, slots=True)
class CloseChannel(Command):
    """Close the socket, upon which the process leaves: leads to Exited."""


@dataclass(frozen=True, slots=True)
class Kill(Command):
    """End the process and whatever it started. Jobs in flight fail. An Exited of this process means nothing more."""


@dataclass(frozen=True, slots=True)
class Forget(Command):
    """The worker is over; drop it from the pool."""


# The life -----------------------------------------------------------------------------------------------------------


class InvalidTransitionError(Exception):
    """An event came in a state that has no answer to it: a defect of ours; the text tells the worker's story."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a life has to keep to, in seconds: loading may take `startup_timeout`, failures may last `retry_window`."""

    startup_timeout: float
    retry_window: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a worker beside its state. `failing_since` is None while nothing went wrong since READY.

    `cannot_load` says that its last attempts to start and load failed, so that the next one is likely to fail too.
    """

    pid: int | None = None
    device: str = ""
    failures: int = 0
    failing_since: float | None = None
    restarts: int = 0
    last_death: str = ""
    traceback: str = ""
    out_of_memory: bool = False
    cannot_load: bool = False


class Life:
    """One worker's state and facts. Only `handle` changes them."""

    def __init__(self, worker_id: str, limits: Limits) -> None:
        """A worker that is to start; `worker_id` is for the story."""
        self.id = worker_id
        self.limits = limits
        self.state = WorkerState.STARTING
        self.facts = Facts()
        self.story: deque[str] = deque(maxlen=STORY_LENGTH)
        self._leave_by: float | None = None

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take `event` at `now` (seconds, any clock that only grows) and return what to do, in order.

        Raises InvalidTransitionError, and changes nothing, for an event that the state has no answer to.
        """
        action = self.TRANSITIONS.get((self.state, type(event)))
        if action is None:
            told = "; ".join(self.story) or "nothing yet"
            raise InvalidTransitionError(f"worker {self.id} is {self.state} and got {event}; before: {told}")
        before = self.state
        commands = action(self, event, now)
        self.story.append(f"{now:.3f} {type(event).__name__}: {before} -> {self.state}")
        return commands

    def _start(self, _event: Start, _now: float) -> list[Command]:
        return [Launch()]

    def _launched(self, event: Launched, _now: float) -> list[Command]:
        self.state = WorkerState.LOADING
        self.facts = replace(self.facts, pid=event.pid)
        return [SetTimer(self.limits.startup_timeout), SendLoad()]

    def _loaded(self, event: Loaded, _now: float) -> list[Command]:
        self.state = WorkerState.READY
        self.facts = replace(
            self.facts, device=event.device, failures=0, failing_since=None, out_of_memory=False, cannot_load=False
        )
        return [CancelTimer(), Serve()]

    def _not_launched(self, event: LaunchFailed, now: float) -> list[Command]:
        return self._fail(event.cause, now, cannot_load=True)

    def _not_loaded(self, event: LoadFailed, now: float) -> list[Command]:
        failing = self._fail(event.cause, now, event.traceback, out_of_memory=event.out_of_memory, cannot_load=True)
        return [Kill(), *failing]

    def _load_overdue(self, event: TimerDue, now: float) -> list[Command]:
        cause = f"the handler was not loaded within {self.limits.startup_timeout:g} s (startup_timeout)"
        return [Kill(), *self._fail(cause, now, event.log, cannot_load=True)]

    def _broken(self, event: Broken, now: float) -> list[Command]:
        return [Kill(), *self._fail(event.cause, now, event.log)]

    def _died(self, event: Exited, now: float) -> list[Command]:
        return [Kill(), *self._fail(event.cause, now, event.log)]

    def _fail(
        self, cause: str, now: float, traceback: str = "", *, out_of_memory: bool = False, cannot_load: bool = False
    ) -> list[Command]:
        facts = self.facts
        died_again = self.state is WorkerState.LOADING and facts.failures + 1 >= FAILURES_BEYOND_CHANCE
        since = now if facts.failing_since is None else facts.failing_since
        self.facts = replace(
            facts,
            pid=None,
            failures=facts.failures + 1,
            failing_since=since,
            last_death=cause,
            traceback=traceback,
            out_of_memory=out_of_memory,
            cannot_load=cannot_load or died_again,
        )
        if now - since >= self.limits.retry_window:
            self.state = WorkerState.FAILED
            return [CancelTimer()]
        self.state = WorkerState.BACKING_OFF
        return [SetTimer(BACK_OFF[min(facts.failures, len(BACK_OFF) - 1)])]

    def _again(self, _event: Event, _now: float) -> list[Command]:
        self.state = WorkerState.STARTING
        self.facts = replace(self.facts, restarts=self.facts.restarts + 1)
        return [CancelTimer(), Launch()]

    def _once_more(self, event: Event, now: float) -> list[Command]:
        self.facts = replace(self.facts, failures=0, failing_since=None, cannot_load=False)
        return self._again(event, now)

    def _retire(self, event: Drain, now: float) -> list[Command]:
        self.state = WorkerState.DRAINING
        return [*self._hurry(event, now), Retire()]

    def _abandon_launch(self, _event: Drain, _now: float) -> list[Command]:
        self.state = WorkerState.DRAINING
        return []

    def _close(self, _event: Drained, now: float) -> list[Command]:
        self._leave_by = now + LEAVE_GRACE
        return [SetTimer(LEAVE_GRACE), CloseChannel()]

    def _hurry(self, event: Drain, now: float) -> list[Command]:
        if event.timeout is None or (self._leave_by is not None and now + event.timeout >= self._leave_by):
            return []
        self._leave_by = now + event.timeout
        return [SetTimer(event.timeout)]

    def _launched_too_late(self, _event: Launched, _now: float) -> list[Command]:
        return [Kill()]

    def _ignore(self, _event: Event, _now: float) -> list[Command]:
        return []

    def _end(self, _event: Event, _now: float) -> list[Command]:
        return [Kill(), *self._stop()]

    def _give_up(self, _event: Drain, _now: float) -> list[Command]:
        return self._stop()

    def _stop(self) -> list[Command]:
        self.state = WorkerState.STOPPED
        self.facts = replace(self.facts, pid=None)
        return [CancelTimer(), Forget()]

    TRANSITIONS: ClassVar[dict[tuple[WorkerState, type[Event]], Callable[[Life, Any, float], list[Command]]]] = {
        (WorkerState.STARTING, Start): _start,
        (WorkerState.STARTING, Launched): _launched,
        (WorkerState.STARTING, LaunchFailed): _not_launched,
        (WorkerState.STARTING, Drain): _abandon_launch,
        (WorkerState.LOADING, Loaded): _loaded,
        (WorkerState.LOADING, LoadFailed): _not_loaded,
        (WorkerState.LOADING, TimerDue): _load_overdue,
        (WorkerState.LOADING, Broken): _broken,
        (WorkerState.LOADING, Exited): _died,
        (WorkerState.LOADING, Drain): _end,
        (WorkerState.READY, Broken): _broken,
        (WorkerState.READY, Exited): _died,
        (WorkerState.READY, Drain): _retire,
        (WorkerState.DRAINING, Launched): _end,
        (WorkerState.DRAINING, LaunchFailed): _end,
        (WorkerState.DRAINING, Drained): _close,
        (WorkerState.DRAINING, Drain): _hurry,
        (WorkerState.DRAINING, TimerDue): _end,
        (WorkerState.DRAINING, Broken): _end,
        (WorkerState.DRAINING, Exited): _end,
        (WorkerState.BACKING_OFF, TimerDue): _again,
        (WorkerState.BACKING_OFF, Retry): _once_more,
        (WorkerState.BACKING_OFF, Drain): _give_up,
        (WorkerState.FAILED, Retry): _once_more,
        (WorkerState.FAILED, Drain): _give_up,
        (WorkerState.STOPPED, Launched): _launched_too_late,
        (WorkerState.STOPPED, LaunchFailed): _ignore,
    }
