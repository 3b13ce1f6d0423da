"""Marina beside TorchServe and LitServe, in turns on the same work: `make bench`.

`MARINA_BENCH=noop,echo` runs these parts alone, `MARINA_BENCH_ROUNDS` so many rounds, each load `MARINA_BENCH_SECONDS`
long. A whole run of all parts writes its tables to docs/performance.md; anything less only prints them.
"""

from __future__ import annotations

import os
import sys
import tempfile
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
    "scale": management.scale,
    "start": management.start,
}
ROUNDS = int(os.environ.get("MARINA_BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("MARINA_BENCH_SECONDS", "5"))


def main() -> int:
    """Run the parts that are asked for; returns the exit code."""
    wanted = [name for name in os.environ.get("MARINA_BENCH", "").split(",") if name] or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        say(f"There is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}.")
        return 2
    with tempfile.TemporaryDirectory(prefix="marina-bench-", ignore_cleanup_errors=True) as folder:
        bench = Bench(Path(folder), ROUNDS, SECONDS)
        with display() as platform:
            for name in wanted:
                say(f"\n{name}: {PARTS[name].__doc__}")
                PARTS[name](bench)
    text = document.tables(bench.figures, _about(platform))
    if wanted == list(PARTS):
        document.put(text)
    say(f"\n{text}")
    return 0


def _about(platform: str) -> list[str]:
    load = "wrk" if has_wrk() else "a client of our own, since wrk is not installed"
    return [
        f"Machine: {machine.machine()}.",
        f"Versions: {machine.versions()}.",
        f"{ROUNDS} rounds of {SECONDS:g} s, by {load}, on the same machine; the window is on {platform}.",
        "Medians, and in brackets the least and the largest of a round.",
    ]


if __name__ == "__main__":
    sys.exit(main())
