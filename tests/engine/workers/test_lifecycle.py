from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.snapshots import WorkerState
from engine.workers.lifecycle import (
    BACK_OFF,
    LEAVE_GRACE,
    STORY_LENGTH,
    Broken,
    CancelTimer,
    CloseChannel,
    Command,
    Drain,
    Drained,
    Event,
    Exited,
    Forget,
    InvalidTransitionError,
    Kill,
    Launch,
    Launched,
    LaunchFailed,
    Life,
    Limits,
    Loaded,
    LoadFailed,
    Retire,
    Retry,
    SendLoad,
    Serve,
    SetTimer,
    Start,
    TimerDue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = Limits(startup_timeout=120, retry_window=300)
STARTING, LOADING, READY = WorkerState.STARTING, WorkerState.LOADING, WorkerState.READY
DRAINING, BACKING_OFF = WorkerState.DRAINING, WorkerState.BACKING_OFF
FAILED, STOPPED = WorkerState.FAILED, WorkerState.STOPPED

EVENTS: dict[type[Event], Event] = {
    Start: Start(),
    Launched: Launched(42),
    LaunchFailed: LaunchFailed("no such file"),
    Loaded: Loaded("cpu"),
    LoadFailed: LoadFailed("ImportError: torch", "Traceback"),
    Broken: Broken("nonsense"),
    Exited: Exited("exited with code 3", "last words"),
    TimerDue: TimerDue(),
    Drain: Drain(None),
    Drained: Drained(),
    Retry: Retry(),
}
# How a worker gets into each state; each step is one second after the one before.
WAYS: dict[WorkerState, list[Event]] = {
    STARTING: [],
    LOADING: [Start(), Launched(42)],
    READY: [Start(), Launched(42), Loaded("cpu")],
    DRAINING: [Start(), Launched(42), Loaded("cpu"), Drain(None)],
    BACKING_OFF: [Start(), LaunchFailed("no such file")],
    FAILED: [Start(), LaunchFailed("no such file")],
    STOPPED: [Start(), Launched(42), Drain(None)],
}
# The whole specification: what each event leads to, and what has to be done about it.
SPECIFICATION: list[tuple[WorkerState, type[Event], WorkerState, list[Command]]] = [
    (STARTING, Start, STARTING, [Launch()]),
    (STARTING, Launched, LOADING, [SetTimer(120), SendLoad()]),
    (STARTING, LaunchFailed, BACKING_OFF, [SetTimer(1)]),
    (STARTING, Drain, DRAINING, []),
    (LOADING, Loaded, READY, [CancelTimer(), Serve()]),
    (LOADING, LoadFailed, BACKING_OFF, [Kill(), SetTimer(1)]),
    (LOADING, TimerDue, BACKING_OFF, [Kill(), SetTimer(1)]),
    (LOADING, Broken, BACKING_OFF, [Kill(), SetTimer(1)]),
    (LOADING, Exited, BACKING_OFF, [Kill(), SetTimer(1)]),
    (LOADING, Drain, STOPPED, [Kill(), CancelTimer(), Forget()]),
    (READY, Broken, BACKING_OFF, [Kill(), SetTimer(1)]),
    (READY, Exited, BACKING_OFF, [Kill(), SetTimer(1)]),
    (READY, Drain, DRAINING, [Retire()]),
    (DRAINING, Launched, STOPPED, [Kill(), CancelTimer(), Forget()]),
    (DRAINING, LaunchFailed, STOPPED, [Kill(), CancelTimer(), Forget()]),
    (DRAINING, Drained, DRAINING, [SetTimer(LEAVE_GRACE), CloseChannel()]),
    (DRAINING, Drain, DRAINING, []),
    (DRAINING, TimerDue, STOPPED, [Kill(), CancelTimer(), Forget()]),
    (DRAINING, Broken, STOPPED, [Kill(), CancelTimer(), Forget()]),
    (DRAINING, Exited, STOPPED, [Kill(), CancelTimer(), Forget()]),
    (BACKING_OFF, TimerDue, STARTING, [CancelTimer(), Launch()]),
    (BACKING_OFF, Retry, STARTING, [CancelTimer(), Launch()]),
    (BACKING_OFF, Drain, STOPPED, [CancelTimer(), Forget()]),
    (FAILED, Retry, STARTING, [CancelTimer(), Launch()]),
    (FAILED, Drain, STOPPED, [CancelTimer(), Forget()]),
    (STOPPED, Launched, STOPPED, [Kill()]),
    (STOPPED, LaunchFailed, STOPPED, []),
]
FORESEEN = {(state, event) for state, event, _, _ in SPECIFICATION}


def a_life(state: WorkerState = STARTING, limits: Limits = LIMITS) -> Life:
    life = Life("9000", Limits(limits.startup_timeout, 0) if state is FAILED else limits)
    for second, event in enumerate(WAYS[state]):
        life.handle(event, second)
    assert life.state is state
    return life


@pytest.mark.parametrize(("state", "event", "after", "commands"), SPECIFICATION)
def test_an_event_leads_to_a_state_and_to_commands(
    state: WorkerState, event: type[Event], after: WorkerState, commands: list[Command]
) -> None:
    life = a_life(state)
    assert life.handle(EVENTS[event], 10) == commands
    assert life.state is after


def test_the_specification_covers_the_whole_table() -> None:
    assert set(Life.TRANSITIONS) == FORESEEN
    assert {event.__name__ for event in EVENTS} == {event.__name__ for event in Event.__subclasses__()}


@pytest.mark.parametrize(
    ("state", "event"), [pair for pair in itertools.product(WorkerState, EVENTS) if pair not in FORESEEN]
)
def test_an_unforeseen_event_raises_and_changes_nothing(state: WorkerState, event: type[Event]) -> None:
    life = a_life(state)
    facts, story = life.facts, list(life.story)
    with pytest.raises(InvalidTransitionError, match=f"worker 9000 is {state}"):
        life.handle(EVENTS[event], 10)
    assert (life.state, life.facts, list(life.story)) == (state, facts, story)


def test_an_unforeseen_event_tells_the_story() -> None:
    life = a_life(LOADING)
    with pytest.raises(InvalidTransitionError, match=r"Launched: starting -> loading"):
        life.handle(Retry(), 10)


def test_the_story_stays_short() -> None:
    life = a_life(BACKING_OFF)
    for second in range(STORY_LENGTH):
        life.handle(TimerDue(), second)
        life.handle(LaunchFailed("again"), second)
    assert len(life.story) == STORY_LENGTH


def test_restarts_wait_longer_after_each_failure() -> None:
    life = Life("9000", Limits(120, retry_window=1e9))
    life.handle(Start(), 0)
    waits = []
    for _ in range(len(BACK_OFF) + 2):
        (timer,) = life.handle(LaunchFailed("no"), 0)
        assert isinstance(timer, SetTimer)
        waits.append(timer.delay)
        life.handle(TimerDue(), 0)
    assert waits[:7] == [1, 1, 2, 3, 5, 8, 13]
    assert waits[-3:] == [1597, 1597, 1597]


def test_a_successful_load_begins_the_schedule_anew() -> None:
    life = a_life(BACKING_OFF)
    crash: list[Event] = [TimerDue(), Launched(1), Exited("gone")]
    for event in [*crash, *crash]:
        life.handle(event, 5)
    assert life.facts.failures == 3
    recovery: list[Event] = [TimerDue(), Launched(3), Loaded("cpu")]
    for event in recovery:
        life.handle(event, 6)
    assert life.handle(Exited("gone"), 500)[-1] == SetTimer(1)
    assert life.facts.failing_since == 500


def test_without_a_retry_window_the_first_failure_is_final() -> None:
    life = a_life(READY, Limits(120, retry_window=0))
    assert life.handle(Exited("gone"), 10) == [Kill(), CancelTimer()]
    assert life.state is FAILED


@pytest.mark.parametrize(("failure_at", "state"), [(309.9, BACKING_OFF), (310, FAILED), (400, FAILED)])
def test_failures_are_final_once_they_have_lasted_the_retry_window(failure_at: float, state: WorkerState) -> None:
    life = a_life(READY)
    for event in (Exited("gone"), TimerDue(), Launched(43)):
        life.handle(event, 10)
    life.handle(Exited("gone again"), failure_at)
    assert life.state is state


def test_a_retry_opens_a_new_window() -> None:
    life = a_life(FAILED, Limits(120, 0))
    life.handle(Retry(), 1000)
    assert (life.facts.failures, life.facts.failing_since, life.facts.restarts) == (0, None, 1)


def test_a_failed_load_keeps_its_cause_and_traceback() -> None:
    life = a_life(LOADING)
    life.handle(LoadFailed("MemoryError", "Traceback ...", out_of_memory=True), 10)
    facts = life.facts
    assert (facts.last_death, facts.traceback, facts.out_of_memory) == ("MemoryError", "Traceback ...", True)


@pytest.mark.parametrize("events", [[LaunchFailed("no")], [Launched(1), TimerDue()], [Launched(1), Broken("nonsense")]])
def test_a_later_failure_does_not_keep_the_traceback_of_an_earlier_one(events: list[Event]) -> None:
    life = a_life(LOADING)
    life.handle(LoadFailed("MemoryError", "Traceback ...", out_of_memory=True), 10)
    for event in (TimerDue(), *events):
        life.handle(event, 11)
    assert life.state is BACKING_OFF
    assert (life.facts.traceback, life.facts.out_of_memory) == ("", False)


def test_a_death_keeps_the_last_words() -> None:
    life = a_life(READY)
    life.handle(Exited("killed by SIGSEGV", "Fatal error"), 10)
    assert (life.facts.last_death, life.facts.traceback, life.facts.pid) == ("killed by SIGSEGV", "Fatal error", None)


def test_a_load_that_takes_too_long_names_the_limit() -> None:
    life = a_life(LOADING)
    life.handle(TimerDue(), 130)
    assert life.facts.last_death == "the handler was not loaded within 120 s (startup_timeout)"


def test_a_ready_worker_knows_its_process_and_device() -> None:
    facts = a_life(READY).facts
    assert (facts.pid, facts.device, facts.failures, facts.last_death) == (42, "cpu", 0, "")


def test_a_limited_drain_sets_the_timer_first() -> None:
    assert a_life(READY).handle(Drain(0), 10) == [SetTimer(0), Retire()]


def test_a_second_drain_can_only_hurry_the_worker() -> None:
    life = a_life(DRAINING)
    assert life.handle(Drain(30), 10) == [SetTimer(30)]
    assert life.handle(Drain(60), 11) == []
    assert life.handle(Drain(None), 11) == []
    assert life.handle(Drain(5), 12) == [SetTimer(5)]


def test_a_worker_that_is_leaving_gets_no_more_time_by_another_drain() -> None:
    life = a_life(DRAINING)
    life.handle(Drained(), 10)
    assert life.handle(Drain(60), 11) == []


@dataclass
class World:
    """What would really exist if somebody carried the commands out."""

    launching: bool = False
    alive: bool = False
    loading: bool = False
    loaded: bool = False
    serving: bool = False
    retiring: bool = False
    timer: bool = False
    forgotten: bool = False

    def obey(self, command: Command) -> None:
        assert not self.forgotten or isinstance(command, Kill)
        ways: dict[type[Command], Callable[[], None]] = {
            Launch: self._launch, SendLoad: self._load, Serve: self._serve, Retire: self._retire,
            CloseChannel: self._close, Kill: self.end, Forget: self._forget,
            CancelTimer: lambda: setattr(self, "timer", False), SetTimer: lambda: setattr(self, "timer", True),
        }  # fmt: skip
        ways[type(command)]()

    def end(self) -> None:
        self.alive = self.loading = self.loaded = self.serving = self.retiring = False

    def _launch(self) -> None:
        assert not self.alive
        assert not self.launching
        self.launching = True

    def _load(self) -> None:
        assert self.alive
        self.loading = True

    def _serve(self) -> None:
        assert self.loaded
        self.serving = True

    def _retire(self) -> None:
        assert self.serving
        self.serving, self.retiring = False, True

    def _close(self) -> None:
        assert self.alive
        assert not self.serving

    def _forget(self) -> None:
        assert not self.alive
        assert not self.timer
        self.forgotten = True


class AnyLife(RuleBasedStateMachine):
    """Every order of events that a world can produce keeps the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life("9000", LIMITS)
        self.world = World()
        self.now = 0.0
        self.happen(Start())

    def happen(self, event: Event) -> None:
        for command in self.life.handle(event, self.now):
            self.world.obey(command)

    @rule(seconds=st.floats(0, 400))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.world.launching)
    @rule(works=st.booleans())
    def launch_ends(self, *, works: bool) -> None:
        self.world.launching, self.world.alive = False, works
        self.happen(Launched(42) if works else LaunchFailed("no"))

    @precondition(lambda self: self.world.loading)
    @rule(works=st.booleans())
    def load_ends(self, *, works: bool) -> None:
        self.world.loading, self.world.loaded = False, works
        self.happen(Loaded("cpu") if works else LoadFailed("no", "Traceback"))

    @precondition(lambda self: self.world.alive)
    @rule(event=st.sampled_from([Broken("nonsense"), Exited("gone")]))
    def process_fails(self, event: Event) -> None:
        if isinstance(event, Exited):
            self.world.end()
        self.happen(event)

    @precondition(lambda self: self.world.timer)
    @rule()
    def timer_runs_out(self) -> None:
        self.world.timer = False
        self.happen(TimerDue())

    @precondition(lambda self: not self.world.forgotten)
    @rule(timeout=st.none() | st.floats(0, 100))
    def pool_drains(self, timeout: float | None) -> None:
        self.happen(Drain(timeout))

    @precondition(lambda self: self.world.retiring)
    @rule()
    def jobs_end(self) -> None:
        self.world.retiring = False
        self.happen(Drained())

    @precondition(lambda self: self.life.state in (BACKING_OFF, FAILED))
    @rule()
    def person_retries(self) -> None:
        self.happen(Retry())

    @invariant()
    def a_pid_means_a_process(self) -> None:
        assert (self.life.facts.pid is not None) == self.world.alive

    @invariant()
    def a_timer_is_set_exactly_when_needed(self) -> None:
        if self.life.state is not DRAINING:
            assert self.world.timer == (self.life.state in (LOADING, BACKING_OFF))

    @invariant()
    def only_ready_workers_serve(self) -> None:
        assert self.world.serving == (self.life.state is READY)

    @invariant()
    def stopped_means_forgotten(self) -> None:
        assert self.world.forgotten == (self.life.state is STOPPED)


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, database=None)


def a_loading_life() -> Life:
    life = Life("9000", LIMITS)
    life.handle(Start(), 0)
    life.handle(Launched(42), 0)
    return life


@pytest.mark.parametrize("failure", [LoadFailed("no torch", ""), TimerDue()])
def test_a_worker_that_failed_to_load_is_not_expected_to_load_until_it_has(failure: Event) -> None:
    life = a_loading_life()
    assert not life.facts.cannot_load
    life.handle(failure, 1)
    assert life.facts.cannot_load
    life.handle(TimerDue(), 2)
    life.handle(Launched(43), 2)
    assert life.facts.cannot_load
    life.handle(Loaded("cpu"), 3)
    assert not life.facts.cannot_load


def test_a_retry_on_request_has_not_failed_to_load_yet() -> None:
    life = a_loading_life()
    life.handle(LoadFailed("no torch", ""), 1)
    life.handle(Retry(), 2)
    assert not life.facts.cannot_load


def test_deaths_in_a_row_count_as_a_failure_to_load_once_they_are_no_chance() -> None:
    life = a_loading_life()
    for expected in (False, False, True):
        life.handle(Exited("killed by SIGKILL"), 1)
        assert life.facts.cannot_load is expected
        life.handle(TimerDue(), 2)
        life.handle(Launched(43), 2)


def test_a_death_while_serving_is_no_failure_to_load() -> None:
    life = a_loading_life()
    life.handle(Loaded("cpu"), 1)
    life.handle(Exited("killed by SIGSEGV"), 2)
    assert not life.facts.cannot_load
