"""What Marina is to reach beside the others. Pure."""

from __future__ import annotations

from tests.benchmarks.figures import Goal, Measure, Side
from tests.benchmarks.servers import LITSERVE, MARINA, TORCHSERVE, WINDOW

RATE, P50, P99 = "requests/s", "p50, ms", "p99, ms"
SECONDS, MEGABYTES, LATE, PER_MODEL = "s", "MB", "late p99, ms", "p50, µs a model"
BARE = "bare loop"
ECHO_1, ECHO_10 = "1 MB echo, 4 clients", "10 MB echo, 2 clients"
BATCHING = "torch model in batches of 8, 32 clients"
SILERO, MINILM = "Silero, 4 clients", "MiniLM in batches of 8, 32 clients"
SCALE, START, WORKER = "scale 0 to 4 with torch", "start to first ping", "each further worker with torch"
WHOLE = "the whole, with one worker with torch"
LATENESS = "window's loop under 16 clients"
SIZES = (1, 10, 100, 1000)
FEW, MANY = SIZES[0], SIZES[-1]


def noop(clients: int) -> str:
    return f"no-op, {clients} client{'' if clients == 1 else 's'}"


def growth(models: int) -> str:
    return f"no-op, 1 client, {_models(models)} registered"


def page(models: int) -> str:
    return f"first page of {_models(models)}"


def listed(models: int) -> str:
    return f"list all of {_models(models)}"


def described(models: int) -> str:
    return f"describe one of {_models(models)}"


def _models(count: int) -> str:
    return f"{count:,} model{'' if count == 1 else 's'}"


def _at_least(work: str, ours: str, theirs: str, limit: float) -> Goal:
    measure = Measure(work, RATE)
    return Goal(Side(measure, ours), Side(measure, theirs), limit, at_least=True)


def _at_most(work: str, unit: str, ours: str, theirs: str, limit: float) -> Goal:
    measure = Measure(work, unit)
    return Goal(Side(measure, ours), Side(measure, theirs), limit, at_least=False)


def _grows_at_most(work: str, before: str, unit: str, limit: float) -> Goal:
    return Goal(Side(Measure(work, unit), MARINA), Side(Measure(before, unit), MARINA), limit, at_least=False)


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
    _grows_at_most(growth(MANY), growth(FEW), P50, 1.05),
    # A page holds 100 models: where fewer are registered, asking at all is what costs.
    _grows_at_most(listed(MANY), listed(100), PER_MODEL, 1),
    # Not by the thousandfold, which would be linear: not at all, but for what a short load scatters.
    _grows_at_most(described(MANY), described(FEW), P50, 1.1),
    _at_most(page(MANY), P50, MARINA, TORCHSERVE, 1),
    _at_most(listed(MANY), PER_MODEL, MARINA, TORCHSERVE, 1),
    _at_most(described(MANY), P50, MARINA, TORCHSERVE, 1),
    Goal(Side(Measure(LATENESS, LATE), WINDOW), None, 16, at_least=False),
)
