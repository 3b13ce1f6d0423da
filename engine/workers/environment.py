"""The environment variables of worker processes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

# What belongs to the window or could swap libraries under a worker; the rest is inherited, as TorchServe does.
WITHHELD = ("QT_", "QML", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "_PYI_", "MARINA_")
THREADS = "OMP_NUM_THREADS"


def worker_environment(
    environ: Mapping[str, str], hidden: re.Pattern[str] | None, *, decode_input: bool
) -> dict[str, str]:
    """Return what a worker sees of `environ`: all but what Marina withholds and what `hidden` matches whole.

    GPUs are counted in the order of the bus, unless `environ` says otherwise. TorchServe: `blacklist_env_vars` hides,
    and handlers may read TS_DECODE_INPUT_REQUEST and the two TS_IPEX switches.
    """
    seen = {
        name: value
        for name, value in environ.items()
        if not name.startswith(WITHHELD) and not (hidden and hidden.fullmatch(name))
    }
    return {
        # CUDA would count the fastest GPU first; ids are those that the driver, nvidia-smi and the settings tell.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        **seen,
        "TS_DECODE_INPUT_REQUEST": str(decode_input).lower(),
        "TS_IPEX_ENABLE": "false",
        "TS_IPEX_GPU_ENABLE": "false",
    }


def threads_of_each(workers: int, cores: int) -> int:
    """Return how many threads each of `workers` processes uses, so that they share `cores` processors."""
    return max(1, cores // max(1, workers))


def thread_variables(threads: int) -> dict[str, str]:
    """Return what has the numeric libraries of a process use so many threads; 0 leaves the number to them.

    Left alone, each takes all of them and waits for its threads by spinning: two workers of a small network then answer
    fifteen times fewer requests than with one thread each. A variable that is set already is not overruled.
    """
    number = {THREADS: str(threads)} if threads else {}
    return {**number, "OMP_WAIT_POLICY": "PASSIVE"}
