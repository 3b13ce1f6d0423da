"""What all parts of the comparison share: rounds, turns, archives, figures. Blocking."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.benchmarks import goals
from tests.benchmarks.figures import Figures
from tests.benchmarks.load import Asked, FailedLoadError, load
from tests.benchmarks.servers import Server, prepare, server
from tests.support.archives import archive
from tests.support.peer_environments import PeerMissingError

HANDLERS = Path(__file__).parent / "handlers"
WARM_UP = 5.0  # seconds; after that a JVM runs compiled code
SETTLING = 0.5  # seconds in which a server that stood still does what has come due meanwhile


class Named(Protocol):
    """Anything whose turn it can be."""

    @property
    def name(self) -> str: ...


@dataclass
class Bench:
    """One run of the comparison; `folder` is for everything that it makes, `seconds` how long a load lasts."""

    folder: Path
    rounds: int
    seconds: float
    figures: Figures = field(default_factory=Figures)
    _runs: Iterator[int] = field(default_factory=itertools.count)
    _missing: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def pack(self, name: str) -> str:
        """Put the handler of this name into the model store; returns the archive's file name."""
        self.store.mkdir(exist_ok=True)
        return archive(self.store, name, source=(HANDLERS / f"{name}.py").read_text(encoding="utf-8")).name

    def there(self, names: Sequence[str]) -> list[str]:
        """Return those of the servers that can be had here; the others are noted."""
        for name in names:
            if name not in self._missing:
                self._missing[name] = _lack(name)
                if self._missing[name]:
                    self.figures.notes.append(f"{name} was left out: {self._missing[name]}.")
        return [name for name in names if not self._missing[name]]

    @contextmanager
    def server(self, name: str, work: str = "noop", workers: int = 2) -> Iterator[Server]:
        """Run a server until the block ends."""
        with server(name, self.folder / f"run-{next(self._runs)}", self.store, work, workers) as started:
            yield started

    @contextmanager
    def servers(self, *names: str, work: str = "noop") -> Iterator[list[Server]]:
        """Run several; each gets the processor in its `turns` alone, but while they start."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.server(name, work)) for name in self.there(names)]

    def turns(self, of: Sequence[Named], act: Callable[..., None], *fixed: object) -> None:
        """Let `act(bench, one, *fixed)` measure one after the other, each round from another one on.

        The others stand still meanwhile.
        """
        for one in of:
            _pause(one)
        for number in range(self.rounds):
            first = number % len(of)
            for one in (*of[first:], *of[:first]):
                _resume(one)
                time.sleep(SETTLING)
                act(self, one, *fixed)
                _pause(one)
        for one in of:
            _resume(one)

    def load(self, work: str, server: str, asked: Asked, clients: int, *units: str, longer: float = 1) -> None:
        """Load a server, `longer` times as long where an answer takes its time, and note what `units` name of it."""
        try:
            found = load(asked, clients, self.seconds * longer)
        except FailedLoadError as failure:
            self.figures.notes.append(f"{work}: {server} failed in a round ({failure.args[0]}).")
            return
        by_unit = {goals.RATE: found.rate, goals.P50: found.p50, goals.P99: found.p99}
        for unit in units:
            self.figures.note(work, unit, server, by_unit[unit])
        say(f"{work:45} {server:20} {found.rate:9.0f}/s   p50 {found.p50:.2f} ms   p99 {found.p99:.2f} ms")

    def note(self, work: str, unit: str, server: str, value: float) -> None:
        """Note one figure."""
        self.figures.note(work, unit, server, value)
        say(f"{work:45} {server:20} {value:9.3f} {unit}")


def _lack(name: str) -> str:
    try:
        prepare(name)
    except PeerMissingError as missing:
        return str(missing)
    return ""


def _pause(one: Named) -> None:
    if isinstance(one, Server):
        one.program.pause()


def _resume(one: Named) -> None:
    if isinstance(one, Server):
        one.program.resume()


def warm(asked: Asked, clients: int = 16) -> None:
    """Let a server get going before anybody looks; raises FailedLoadError."""
    load(asked, clients, WARM_UP)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
