"""What numbers and names about a model may be, whoever says them: calls, archives, settings, snapshots. Pure."""

from __future__ import annotations

MAX_INT = 2**31 - 1
MAX_WORKERS = 1000
# Characters of a model's name, of its version and of its handler.
MAX_NAME = 1024
_MAX_PROCESSES = 1024

# From the least to the largest; the API document tells the same. Keys are the names of parameters and settings.
RANGES = {
    "batch_size": (1, 65536),
    "max_batch_delay": (0, 3_600_000),
    "initial_workers": (0, MAX_WORKERS),
    "min_worker": (0, MAX_WORKERS),
    "max_worker": (0, MAX_WORKERS),
    "response_timeout": (1, MAX_INT),
    "startup_timeout": (1, MAX_INT),
    "max_retry_timeout": (0, MAX_INT),
    # Milliseconds.
    "client_timeout": (0, MAX_INT),
    "job_queue_size": (1, 1_000_000),
    "idle_unload_seconds": (0, 31_536_000),
    # Milliseconds; 0 is none.
    "sequence_time": (0, MAX_INT),
    "sequences": (1, 1_000_000),
    "device_id": (0, 1023),
    # Processes of one worker that `torchrun` starts, their nodes and their threads; threads of numeric libraries.
    "processes": (1, _MAX_PROCESSES),
    "threads": (1, 1024),
    "node_rank": (0, _MAX_PROCESSES - 1),
    "monitor_interval": (0, MAX_INT),
    # The longest wait for workers that a caller may ask for, in seconds; -1 is no limit.
    "timeout": (-1, 10**9),
}
