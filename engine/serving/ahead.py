"""The batches that busy workers hold beside the one they answer, so that they go on without a wait. On the loop; hot.

A worker has one at most, once it was quick with another, and begins it by itself. Until then it can be taken back: by a
worker that is idle sooner, or because its worker dies or leaves. So no job waits behind a slow one while another worker
could take it.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.serving.batch import Batch
    from engine.serving.jobs import Job
    from engine.workers.channel import Channel

# Bytes of the largest batch that is sent ahead: what is larger would fill the socket of a worker that does not read.
LARGEST = 32 * 1024
# A batch has waited too long at its worker when it did so for this many seconds, and more than twice as long as one
# that has just begun elsewhere.
PATIENCE = 0.005


class Ahead:
    """What the workers of one version have ahead.

    `batches` are those that wait at a worker, the oldest first; `room` are the busy workers that take one, those that
    have been so for longest first.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self.batches: dict[Channel, Batch] = {}
        self.room: dict[Channel, None] = {}

    @property
    def jobs(self) -> Iterator[Job]:
        """The jobs that wait at workers."""
        return (job for batch in self.batches.values() for job in batch.jobs)

    def send(self, batch: Batch) -> None:
        """Send a batch to the first worker that has room; jobs that no frame can hold fail."""
        channel = next(iter(self.room))
        if batch.send_ahead(channel):
            del self.room[channel]
            self.batches[channel] = batch

    def begun(self, channel: Channel) -> bool:
        """Note that the worker has begun what it had ahead; returns whether another batch has waited too long."""
        batch = self.batches.pop(channel, None)
        if batch is None:
            return False
        batch.begun()
        if not self.batches:
            return False
        now, oldest = perf_counter(), next(iter(self.batches.values()))
        return now - oldest.sent > PATIENCE + 2 * (now - batch.sent)

    def take_back(self, channel: Channel) -> list[Job]:
        """Return the jobs that wait at this worker; none when it has begun them."""
        batch = self.batches.pop(channel, None)
        if batch is None:
            return []
        if channel.take_back():
            return batch.jobs
        batch.begun()
        return []

    def take_back_oldest(self) -> list[Job]:
        """Return the jobs that have waited longest, if any still wait."""
        while self.batches:
            if jobs := self.take_back(next(iter(self.batches))):
                return jobs
        return []

    def take_all_back(self) -> list[Job]:
        """Return every job that waits at a worker, the oldest first."""
        return [job for channel in list(self.batches) for job in self.take_back(channel)]

    def part_with(self, channel: Channel) -> list[Job]:
        """Return the jobs that wait at this worker, as `take_back` does, and let it have none from now on."""
        self.room.pop(channel, None)
        return self.take_back(channel)
