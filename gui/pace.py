"""How fast a long act goes and how long it may still take, in words. Pure: whoever asks brings the time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from gui import words
from gui.words import tr

if TYPE_CHECKING:
    from engine.snapshots import Progress

# How many seconds the rate looks back: long enough to be calm, short enough to notice a stall.
WINDOW = 5.0
# Before so many seconds have passed a rate would be a guess.
LEAST = 0.5
MINUTE = 60
HOUR = 3600


class Pace:
    """The steps of one act; times are seconds of one clock, `started` on the same."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._phase = ""
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, step: Progress, now: float) -> None:
        """Remember how far it is; another phase counts from its own beginning."""
        if step.phase != self._phase:
            self._phase = step.phase
            self._seen.clear()
        self._seen.append((now, step.done))
        while len(self._seen) > 1 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()

    def rate(self, now: float) -> float:
        """Bytes per second over the last seconds, 0 while that cannot be told."""
        if not self._seen or now - self._seen[0][0] < LEAST:
            return 0.0
        return max(0, self._seen[-1][1] - self._seen[0][1]) / (now - self._seen[0][0])

    def describe(self, step: Progress, now: float) -> str:
        """Return "318 of 512 MB · 42 MB/s · 8 s · about 5 s left", leaving out what cannot be told."""
        rate = self.rate(now)
        left = (step.total - step.done) / rate if rate and step.total else 0.0
        parts = (
            words.progress(step) if step.done or step.total or step.text else "",
            tr("{size}/s").format(size=words.size(round(rate))) if rate >= 1 else "",
            span(now - self._started),
            tr("about {time} left").format(time=span(left)) if left >= 1 else "",
        )
        return " · ".join(part for part in parts if part)


def span(seconds: float) -> str:
    """A length of time as one says it: "8 s", "2 min 5 s", "1 h 3 min"."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return tr("{seconds} s").format(seconds=whole)
    if whole < HOUR:
        return tr("{minutes} min {seconds} s").format(minutes=whole // MINUTE, seconds=whole % MINUTE)
    return tr("{hours} h {minutes} min").format(hours=whole // HOUR, minutes=whole % HOUR // MINUTE)
