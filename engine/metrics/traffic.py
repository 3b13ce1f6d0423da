"""The plain numbers that the hot path leaves behind, read when somebody asks for metrics. On the loop; pure."""

from __future__ import annotations

from enum import StrEnum

_FIRST_OK, _AFTER_OK = 200, 300
_FIRST_REFUSED, _AFTER_REFUSED = 400, 500


class Answers:
    """HTTP answers of all listeners by status; an answer in pieces counts once."""

    __slots__ = ("ok", "other", "refused")

    def __init__(self) -> None:
        """Start at nothing."""
        self.ok = 0
        self.refused = 0
        self.other = 0

    def count(self, status: int) -> None:
        """Count one answer. TorchServe: what is neither 2xx nor 4xx counts as 5xx."""
        if _FIRST_OK <= status < _AFTER_OK:
            self.ok += 1
        elif _FIRST_REFUSED <= status < _AFTER_REFUSED:
            self.refused += 1
        else:
            self.other += 1


class Refused(StrEnum):
    """Why a request or a connection was turned away; the values are the label `reason` of the family that tells it."""

    CALLER = "caller"  # a name, a page or a first line that is not let in: allowed_hosts, cors_allowed_origin
    TOKEN = "token"  # noqa: S105 - no password
    CONNECTIONS = "connections"  # max_connections
    STALLED = "stalled"  # stalled_connection_timeout
    MEMORY = "memory"  # max_request_memory
    SIZE = "size"  # max_request_size
    QUEUE = "queue"  # job_queue_size, or no worker at all


class Traffic:
    """Predictions asked of one model by its bare name, or of one version by name; latencies are sums in seconds."""

    __slots__ = ("latency", "queue_latency", "requests")

    def __init__(self) -> None:
        """Start at nothing."""
        self.requests = 0
        self.latency = 0.0
        self.queue_latency = 0.0


class JobTimes:
    """How long the newest job of a queue waited, and what the engine itself needed for its batch, in seconds.

    `at` is when, on the clock of `time.perf_counter`; 0 as long as there was no job.
    """

    __slots__ = ("at", "engine", "queued")

    def __init__(self) -> None:
        """Start before the first job."""
        self.at = 0.0
        self.queued = 0.0
        self.engine = 0.0
