"""Sequences of requests, the workers that they keep to, and the ids of those that have expired.

Plain state of `engine.serving.sequences`; on the loop.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from engine.serving.batch import Batch
    from engine.serving.jobs import Job, Reply
    from engine.workers.channel import Channel


MOST_EXPIRED = 10_000


class Sequence:
    """Requests with one id, in the order of their arrival. Times are the loop's.

    `lane` is None until the first job goes to a worker. `queued` says that the sequence stands in a line for a worker,
    with `turn` as its place; `active` that one of its jobs is with the worker.
    """

    __slots__ = ("active", "jobs", "lane", "last", "opened", "queued", "turn")

    def __init__(self, now: float) -> None:
        """Open the sequence at `now`."""
        self.jobs: OrderedDict[asyncio.Future[Reply], Job] = OrderedDict()
        self.lane: Lane | None = None
        self.opened = self.last = now
        self.active: Job | None = None
        self.queued = False
        self.turn = 0

    @property
    def busy(self) -> bool:
        """Whether a job waits or is with the worker."""
        return self.active is not None or bool(self.jobs)

    @property
    def first(self) -> Job | None:
        """The job that comes next."""
        return next(iter(self.jobs.values()), None)


class ExpiredSequences:
    """Ids of sequences that expired or lost their worker: the newest `MOST_EXPIRED`."""

    def __init__(self) -> None:
        """Start without an id."""
        self._refused: OrderedDict[str, bool] = OrderedDict()

    def add(self, name: str, *, refused: bool) -> None:
        """Refuse the next request under this id, unless one was `refused` already."""
        self._refused[name] = refused
        self._refused.move_to_end(name)
        if len(self._refused) > MOST_EXPIRED:
            self._refused.popitem(last=False)

    def refuses(self, name: str) -> bool:
        """Whether a request under this id is refused: the first one after `add`."""
        if self._refused.get(name, True):
            return False
        self._refused[name] = True
        return True

    def forget(self, name: str) -> bool:
        """Forget the id, whose client begins a new sequence; returns whether it was known."""
        return self._refused.pop(name, None) is not None


class Lane:
    """One worker, the line of the sequences that keep to it, and those that have a job with it now.

    `timer` ends the wait of a worker that gathers; `leave` is called once a worker that retires has nothing more to do.
    """

    __slots__ = ("active", "batch", "channel", "leave", "line", "timer")

    def __init__(self, channel: Channel) -> None:
        """Start idle."""
        self.channel = channel
        self.line: deque[Sequence] = deque()
        self.active: list[Sequence] = []
        self.batch: Batch | None = None
        self.timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self.leave: Callable[[], None] | None = None

    def stop_gathering(self) -> None:
        """End the wait for more jobs."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
