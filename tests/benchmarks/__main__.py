"""Marina beside TorchServe and LitServe, in turns on the same work: `make bench`.

`MARINA_BENCH=noop,echo` runs these parts alone, `MARINA_BENCH_ROUNDS` so many rounds, each load `MARINA_BENCH_SECONDS`
long. A whole run of all parts writes its tables to docs/performance.md; anything less only prints them.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import document, machine, management, models, serving
from tests.benchmarks.bench import Bench, say
from tests.benchmarks.load import has_wrk
from tests.benchmarks.servers import display

PARTS: dict[str, Callable[[Bench], None]] = {
    "noop": serving.noop,
    "echo": serving.echo,
    "batching": serving.batching,
    "silero": models.silero,
    "minilm": models.minilm,
    "many": management.many,
    "growth": management.growth,
    "scale": management.scale,
    "start": management.start,
}
ROUNDS = int(os.environ.get("MARINA_BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("MARINA_BENCH_SECONDS", "5"))
OWN_CLIENT = (
    "a client of our own, since wrk is not installed (it needs more of the processors than wrk, which brings the "
    "no-ops of the servers closer together than they are)"
)


def main() -> int:
    """Run the parts that are asked for; returns the exit code."""
    wanted = [name for name in os.environ.get("MARINA_BENCH", "").split(",") if name] or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        say(f"There is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}.")
        return 2
    with tempfile.TemporaryDirectory(prefix="marina-bench-", ignore_cleanup_errors=True) as folder:
        # As Ctrl+C: every program that was started ends.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        bench = Bench(Path(folder), ROUNDS, SECONDS)
        with display() as platform:
            for name in wanted:
                _part(name, bench)
    text = document.tables(bench.figures, _about(platform))
    if wanted == list(PARTS):
        document.put(text)
    say(f"\n{text}")
    return 0


def _part(name: str, bench: Bench) -> None:
    """Run a part; one that fails is noted, and the others go on."""
    say(f"\n{name}: {PARTS[name].__doc__}")
    started = time.perf_counter()
    try:
        PARTS[name](bench)
    except Exception as error:  # noqa: BLE001 - half an hour of the others' figures is not lost for it
        traceback.print_exc()
        bench.figures.notes.append(f"{name} ended early: {error!r:.200}.")
    say(f"{name} took {time.perf_counter() - started:.0f} s")


def _about(platform: str) -> list[str]:
    load = "wrk" if has_wrk() else OWN_CLIENT
    return [
        f"Machine: {machine.machine()}.",
        f"Versions: {machine.versions()}.",
        f"{ROUNDS} rounds of {SECONDS:g} s, by {load}, on the same machine; the window is on {platform}.",
        "Medians, and in brackets the least and the largest of a round.",
    ]


if __name__ == "__main__":
    sys.exit(main())
