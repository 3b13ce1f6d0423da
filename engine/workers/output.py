"""What a worker prints: cut into lines, made safe to show, limited, and its end kept for when it dies. On the loop.

A line that rewrites itself, as progress bars do with carriage returns, counts as what it shows at last. The part of a
line that has been printed so far can be read before the line ends.

A handler may print without end and faster than anybody reads. What is over the limit costs the loop one look at its
length: it is counted, and left out of the log. The end of the output is kept whatever was left out before.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_LINE = 8 * 1024
# Stands for the middle of a line that is longer.
CUT = b" [...] "
# What one stream may print at once, and then each second, in bytes; every line counts as `LINE_COST` at least.
BURST = 512 * 1024
RATE = 256 * 1024
LINE_COST = 256
RESUME = 64 * 1024
# How much of the end of a stream is kept, in lines and in characters.
TAIL_LINES = 200
TAIL_SIZE = 64 * 1024


class Allowance:
    """Bytes that may be spent: `BURST` at once, growing again by `RATE` a second.

    Once it is spent, nothing may be spent before `RESUME` bytes have grown again: a flood is looked into now and then.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds, and only grows."""
        self._clock = clock
        self._left = float(BURST)
        self._looked = clock()
        self._spent = False

    def lines(self) -> int:
        """Return how many lines may be taken now, 0 while all is spent."""
        now = self._clock()
        self._left = min(BURST, self._left + (now - self._looked) * RATE)
        self._looked = now
        self._spent = self._left < (RESUME if self._spent else LINE_COST)
        return 0 if self._spent else int(self._left) // LINE_COST

    def spend(self, size: int) -> None:
        """Take a line of `size` bytes off, even if there is less left."""
        self._left -= max(size, LINE_COST)


class Lines:
    """Cuts what a stream gives into lines: over `MAX_LINE` bytes they lose their middle, control characters escaped."""

    def __init__(self, line: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`line` takes each line, without its end."""
        self._line = line
        self._allowance = Allowance(clock)
        self._rest = b""
        self._left_out = 0
        self._newest = b""

    @property
    def unfinished(self) -> str:
        """What there is of the line that has not ended, as it shows now; "" when there is none."""
        return printable(self._rest)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        allowed = self._allowance.lines()
        if not allowed:
            self._leave_out(chunk)
            return
        if self._left_out:
            self._tell_left_out()
        *lines, rest = (self._rest + chunk).split(b"\n", allowed)
        for text in lines:
            self._allowance.spend(len(text))
            self._line(printable(text))
        self._rest = b""
        if len(lines) == allowed:
            self._leave_out(rest)
        else:
            self._rest = _as_shown(rest)

    def end(self) -> None:
        """Give a last line that has no end, and the end of what was left out."""
        last = self._rest
        if self._left_out:
            last = self._newest.removesuffix(b"\n")
            self._left_out -= len(last)
            self._tell_left_out()
        if last:
            for text in last.split(b"\n"):
                self._line(printable(text))
        self._rest = b""

    def _leave_out(self, chunk: bytes) -> None:
        self._left_out += len(self._rest) + len(chunk)
        self._rest = b""
        self._newest = (self._newest + chunk[-MAX_LINE:])[-MAX_LINE:]

    def _tell_left_out(self) -> None:
        # The line that it ends with is not whole, and goes with it.
        self._line(f"[{self._left_out} bytes of output are left out here: it came too fast]")
        self._left_out, self._newest = 0, b""


class Tail:
    """The last lines of a stream: `TAIL_LINES` of them, `TAIL_SIZE` characters together; the newest one always."""

    def __init__(self) -> None:
        """Nothing was printed yet."""
        self.lines: deque[str] = deque()
        self._size = 0

    def add(self, line: str) -> None:
        """Take the next line."""
        self.lines.append(line)
        self._size += len(line)
        while len(self.lines) > TAIL_LINES or (self._size > TAIL_SIZE and len(self.lines) > 1):
            self._size -= len(self.lines.popleft())


@dataclass(frozen=True, slots=True)
class LastWords:
    """The end of what one process printed, each stream for itself."""

    stdout: Tail = field(default_factory=Tail)
    stderr: Tail = field(default_factory=Tail)

    def add(self, stream: str, line: str) -> None:
        """Take the next line of "stdout" or "stderr"."""
        (self.stderr if stream == "stderr" else self.stdout).add(line)

    def text(self, unfinished: Mapping[str, str] | None = None) -> str:
        """Return both: stderr first, where a traceback is, and stdout under a heading.

        `unfinished` is what there is of lines that have not ended, by stream.
        """
        ends = unfinished or {}
        parts = [*self.stderr.lines, *filter(None, [ends.get("stderr")])]
        printed = [*self.stdout.lines, *filter(None, [ends.get("stdout")])]
        if printed:
            parts += [*([""] if parts else []), "Standard output ended with:", *printed]
        return "\n".join(parts)


def _as_shown(text: bytes) -> bytes:
    """Return what a terminal would show of one line: what follows the last carriage return, if anything does.

    One at the end is kept, since what comes next rewrites the line. Of more than `MAX_LINE` bytes the middle is left
    out; the beginning and the end stay the same however many pieces the line comes in.
    """
    kept = text.rstrip(b"\r")
    returned = b"\r" if len(kept) < len(text) else b""
    kept = kept.rpartition(b"\r")[2]
    if len(kept) > MAX_LINE:
        head = MAX_LINE // 2
        kept = kept[:head] + CUT + kept[head + len(CUT) - MAX_LINE :]
    return kept + returned


def printable(text: bytes) -> str:
    """Return `text` as one line that is safe to show: as a terminal shows it at last, control characters escaped."""
    decoded = _as_shown(text).decode("utf-8", "backslashreplace").rstrip("\r")
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in decoded)
