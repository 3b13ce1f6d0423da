"""What came of a request: an answer, or why there is none; in words, with what helps. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from engine.snapshots import VersionState
from gui import words
from gui.words import tr

if TYPE_CHECKING:
    from pathlib import Path

    from engine.snapshots import Key
    from gui.tryit.request import Draft, Headers

REASON = "x-marina-reason"
MILLI = 1000
FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `body` is whole, or its beginning when `file` holds all of its `size` bytes.

    `latency` is in seconds, from the first byte sent to the last byte received.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes
    size: int
    latency: float
    file: Path | None = None

    def header(self, name: str) -> str:
        """The value of a header, empty when it did not come."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def is_error(self) -> bool:
        """Whether the server refused or failed."""
        return self.status >= FIRST_ERROR


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer: `text` says what happened and what helps. `latency` is in seconds."""

    text: str
    latency: float
    cancelled: bool = False


Outcome = Answer | Failure


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with what came of it. `at` is seconds since the epoch."""

    key: Key
    draft: Draft
    at: float
    outcome: Outcome


def status_words(outcome: Outcome) -> tuple[VersionState, str]:
    """The mark and the words of an outcome: "200 OK"."""
    if isinstance(outcome, Failure):
        return (VersionState.IDLE, tr("Cancelled")) if outcome.cancelled else (VersionState.FAILED, tr("No answer"))
    state = VersionState.FAILED if outcome.is_error else VersionState.READY
    return state, f"{outcome.status} {outcome.reason or _phrase(outcome.status)}".strip()


def _phrase(status: int) -> str:
    return next((known.phrase for known in HTTPStatus if known.value == status), "")


def latency_words(seconds: float) -> str:
    """A latency with its unit: "3.2 ms", "48 ms", "12.4 s"."""
    milliseconds = seconds * MILLI
    if milliseconds < words.TEN:
        return tr("{value} ms").format(value=f"{milliseconds:.1f}")
    if seconds < words.TEN:
        return tr("{value} ms").format(value=words.number(round(milliseconds)))
    return tr("{value} s").format(value=f"{seconds:.1f}")


def what_helps(answer: Answer) -> str:
    """What to do about an error; the server's own reason comes first. Empty for an answer that is none."""
    if not answer.is_error:
        return ""
    return answer.header(REASON) or _HELP.get(answer.status, lambda: "")()


_HELP = {
    400: lambda: tr("The request was not understood. Compare the body with what the handler expects."),
    401: lambda: tr("The server asks for a token. Leave the Authorization header out to use Marina's own."),
    403: lambda: tr("The token does not allow this."),
    404: lambda: tr("The version may have been unregistered meanwhile."),
    408: lambda: tr("The request waited longer than the version allows. Add workers, or raise its timeouts."),
    413: lambda: tr("The body is larger than max_request_size allows. Raise it in the settings."),
    500: lambda: tr("The handler failed. The Log tab has its traceback."),
    503: lambda: tr("No worker could take the request. Look at the Workers and Queue tabs."),
    507: lambda: tr("A worker ran out of memory or died. The Workers tab says why."),
}
