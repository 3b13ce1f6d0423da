"""What the jobs of a version were like, counted as they go by. On the loop; hot: a search and an increment a figure."""

from __future__ import annotations

from engine.snapshots import BUCKETS, Work


class Tally:
    """Counts that only grow. Who counts a job does so in `waits` and `latencies`, by its place among BUCKETS."""

    __slots__ = ("_fills", "latencies", "waits")

    def __init__(self) -> None:
        """Start without a job."""
        self.waits = [0] * (len(BUCKETS) + 1)
        self.latencies = [0] * (len(BUCKETS) + 1)
        self._fills: list[int] = []

    def filled(self, jobs: int) -> None:
        """Count a batch of so many jobs."""
        if jobs >= len(self._fills):
            self._fills.extend([0] * (jobs + 1 - len(self._fills)))
        self._fills[jobs] += 1

    def work(self) -> Work:
        """Return the counts as they are now."""
        return Work(tuple(self.waits), tuple(self.latencies), tuple(self._fills)) if self._fills else Work()
