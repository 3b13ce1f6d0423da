"""What Marina is to reach beside the others. Pure."""

from __future__ import annotations

from tests.benchmarks.figures import Goal, Measure
from tests.benchmarks.servers import LITSERVE, MARINA, TORCHSERVE, WINDOW

RATE, P50, P99 = "requests/s", "p50, ms", "p99, ms"
SECONDS, MEGABYTES, LATE = "s", "MB", "late p99, ms"
BARE, ONE, THOUSAND = "bare loop", "Marina, 1 model", "Marina, 1,000 models"
ECHO_1, ECHO_10 = "1 MB echo, 4 clients", "10 MB echo, 2 clients"
BATCHING = "torch model in batches of 8, 32 clients"
SILERO, MINILM = "Silero, 4 clients", "MiniLM in batches of 8, 16 clients"
SCALE, START, WORKER = "scale 0 to 4 with torch", "start to first ping", "each further worker with torch"
WHOLE = "the whole, with one worker with torch"
LIST, DESCRIBE = "list of 1,000 models", "describe one of 1,000 models"
GROWTH = "no-op, 1 client, as models are registered"
LATENESS = "window's loop under 16 clients"


def noop(clients: int) -> str:
    return f"no-op, {clients} client{'' if clients == 1 else 's'}"


def _at_least(work: str, ours: str, theirs: str, limit: float) -> Goal:
    return Goal(Measure(work, RATE), ours, theirs, limit, at_least=True)


def _at_most(work: str, unit: str, ours: str, theirs: str | None, limit: float) -> Goal:
    return Goal(Measure(work, unit), ours, theirs, limit, at_least=False)


GOALS = (
    _at_least(noop(16), WINDOW, TORCHSERVE, 3),
    _at_least(noop(16), WINDOW, LITSERVE, 2),
    _at_least(noop(16), MARINA, TORCHSERVE, 6),
    _at_least(noop(16), MARINA, LITSERVE, 4),
    _at_least(noop(64), MARINA, TORCHSERVE, 6),
    _at_least(noop(64), MARINA, LITSERVE, 4),
    _at_most(noop(1), P50, MARINA, TORCHSERVE, 0.5),
    _at_most(noop(1), P50, WINDOW, TORCHSERVE, 0.5),
    _at_most(noop(16), P99, MARINA, TORCHSERVE, 0.25),
    _at_most(noop(16), P99, WINDOW, TORCHSERVE, 0.25),
    _at_least(ECHO_10, MARINA, TORCHSERVE, 2),
    _at_least(BATCHING, MARINA, TORCHSERVE, 1.3),
    _at_least(SILERO, MARINA, BARE, 0.95),
    _at_least(SILERO, MARINA, TORCHSERVE, 1),
    _at_least(MINILM, MARINA, BARE, 0.95),
    _at_least(MINILM, MARINA, TORCHSERVE, 1),
    _at_most(SCALE, SECONDS, MARINA, TORCHSERVE, 1 / 20),
    _at_most(WORKER, MEGABYTES, MARINA, TORCHSERVE, 1 / 4),
    _at_most(START, SECONDS, MARINA, TORCHSERVE, 1),
    _at_most(START, SECONDS, WINDOW, TORCHSERVE, 1.5),
    _at_most(GROWTH, P50, THOUSAND, ONE, 1.05),
    _at_most(LIST, P50, MARINA, TORCHSERVE, 1),
    _at_most(DESCRIBE, P50, MARINA, TORCHSERVE, 1),
    _at_most(LATENESS, LATE, WINDOW, None, 16),
)
