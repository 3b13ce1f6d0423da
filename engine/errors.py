"""What can go wrong, by who has to act. Pure: no I/O, no transport.

    MarinaError
    ├── BadRequestError            the caller: a parameter is missing or out of range
    ├── NotFoundError              the caller: ModelNotFoundError · VersionNotFoundError · ArchiveNotFoundError
    ├── DownloadError              the caller: the source of an archive could not be read
    ├── ConflictError              the caller: that version is registered already
    ├── DefaultVersionError        the caller: the default version cannot go while others stay
    ├── InvalidArchiveError        the archive's author: no zip, no manifest, no name, an unsafe entry
    ├── RequirementsError          the archive's author: its packages cannot be installed; carries the cause
    ├── CancelledActError          somebody ended the act while an archive was on its way; nothing of it is left
    ├── UnavailableError           nobody can serve the request now: no worker, queue full
    ├── WorkerStartError           the handler's author: no worker came up; carries the cause
    ├── PredictionError            the handler's author: the handler failed, or the worker died with the request
    ├── TimedOutError              a wait ended before the work did
    ├── SettingsError              whoever starts Marina: a setting cannot be read or is out of range
    ├── AddressInUseError          whoever starts Marina: another program listens there
    ├── HomeInUseError             whoever starts Marina: another Marina works in the same home
    └── StoreError                 the machine: the record of models cannot be read or written

A class exists only where somebody branches on it. Status codes belong to `engine.api`, which maps these.
"""

from __future__ import annotations


class MarinaError(Exception):
    """Base of every error that Marina raises on purpose; its text is fit to show."""


class BadRequestError(MarinaError):
    """A parameter is missing, malformed or out of range."""


class NotFoundError(MarinaError):
    """What the caller named does not exist."""


class ModelNotFoundError(NotFoundError):
    """No model of that name is registered."""


class VersionNotFoundError(NotFoundError):
    """The model has no such version."""


class ArchiveNotFoundError(NotFoundError):
    """The archive that a registration names is not there, or may not be used."""


class DownloadError(MarinaError):
    """The source of an archive could not be read; the log says why."""


class ConflictError(MarinaError):
    """The name and version are registered already."""


class DefaultVersionError(MarinaError):
    """The default version may not be removed while the model has others."""


class InvalidArchiveError(MarinaError):
    """The archive cannot be read, is unsafe, or lacks what a model needs."""


class RequirementsError(MarinaError):
    """The packages that an archive asks for cannot be installed. `cause` is what pip said last, in lines."""

    def __init__(self, message: str, *, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class CancelledActError(MarinaError):
    """Somebody ended the act while an archive was on its way; nothing of it is left."""


class UnavailableError(MarinaError):
    """No worker can take the request, or the job queue is full. `reason` says which, and what helps, where it is known.

    The text itself is TorchServe's, which is the same for all of these.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class WorkerStartError(MarinaError):
    """Workers did not come up. `cause` is the one-line reason, `out_of_memory` sets it apart (TorchServe: 507)."""

    def __init__(self, message: str, *, cause: str = "", out_of_memory: bool = False) -> None:
        super().__init__(message)
        self.cause = cause
        self.out_of_memory = out_of_memory


class PredictionError(MarinaError):
    """The handler failed. `status` is the answer's code as TorchServe gives it (500, 503, 507 or the handler's own)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TimedOutError(MarinaError):
    """A wait ended before the work did."""


class SettingsError(MarinaError):
    """A setting is unreadable or out of range; the text names the key, the value and its source."""


class AddressInUseError(MarinaError):
    """Another program listens on an address that Marina needs. `holder` names it in words, empty when unknown."""

    def __init__(self, host: str, port: int, holder: str) -> None:
        by = f" by {holder}" if holder else " by another program"
        super().__init__(f"Port {port} on {host} is taken{by}. Stop that program or choose another port.")
        self.host = host
        self.port = port
        self.holder = holder


class HomeInUseError(MarinaError):
    """Another process works in the home; the text names it, the folder and the way out."""

    def __init__(self, folder: str, holder: str) -> None:
        super().__init__(
            f"{holder} is running already. Use that one, or end it first. "
            f"To run one more beside it, set MARINA_HOME to another folder than {folder}"
        )


class StoreError(MarinaError):
    """The record of models cannot be read or written."""
