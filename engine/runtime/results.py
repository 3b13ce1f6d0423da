"""From what a handler returned or raised to what the engine is told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ts.utils.encoding import bytes_of
from ts.utils.packages import CHOOSE_PYTHON, is_frozen
from ts.utils.util import PredictionException

from .telling import as_text, kind_of, sendable

if TYPE_CHECKING:
    from ts.context import RequestProcessor

OK = 200
TOO_LARGE = 413
OUT_OF_MEMORY = 507
LAST_STATUS = 999
# The engine refuses a status that HTTP does not have; a frame takes no larger one.
FRAME_STATUS = 2**31 - 1
LONGEST_CAUSE = 1000  # characters of the one line that says why a load failed


class Failure(NamedTuple):
    """What every request of a batch is told: an HTTP status and a message."""

    code: int
    message: str


class HandlerOutputError(Exception):
    """The handler returned something that cannot be sent."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(f"{failure.message}: {detail}")
        self.failure = failure


def encode_values(values: Any, count: int, limit: int) -> list[bytes | bytearray]:
    """Return the bytes of each of `count` answers; raises HandlerOutputError for anything TorchServe refuses.

    `limit` is in bytes for the answers of one batch together, since they travel as one (TorchServe: max_response_size).
    """
    if not isinstance(values, list):
        kind = type(values).__name__
        raise HandlerOutputError(Failure(503, "Invalid model predict output"), f"a list is needed, this is a {kind}")
    if len(values) != count:
        failure = Failure(503, "number of batch response mismatched")
        raise HandlerOutputError(failure, f"{count} requests but {len(values)} answers")
    pieces = [encode_value(value) for value in values]
    size = sum(map(len, pieces))
    if size > limit:
        detail = f"the response of {size} bytes is over max_response_size, {limit} bytes"
        raise HandlerOutputError(Failure(500, "Worker died."), f"{detail}; raise it, or answer less at a time")
    return pieces


def encode_value(value: Any) -> bytes | bytearray:
    """Return one answer as bytes: text in UTF-8, a tensor as a torch archive, other values as indented JSON."""
    try:
        return bytes_of(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise HandlerOutputError(Failure(503, "Unsupported model output data type."), str(error)) from None


def describe_results(pieces: list[bytes | bytearray], processors: list[RequestProcessor]) -> list[list[Any]]:
    """Return [length, status, phrase, headers] for each answer; raises ValueError or TypeError for a status like ""."""
    return [_described(piece, processor) for piece, processor in zip(pieces, processors)]


def _described(piece: bytes | bytearray, processor: RequestProcessor) -> list[Any]:
    status, phrase = processor.get_response_status_code(), processor.get_response_status_phrase()
    headers = processor.get_response_headers()
    return [
        len(piece),
        OK if status == OK else max(-FRAME_STATUS, min(int(status), FRAME_STATUS)),
        sendable(str(phrase)) if phrase else "",
        {sendable(str(name)): sendable(str(value)) for name, value in headers.items()} if headers else {},
    ]


def prediction_failure(error: BaseException) -> Failure:
    """Return what a batch is told when the handler's call ended with `error` (TorchServe's codes and words)."""
    if isinstance(error, HandlerOutputError):
        return error.failure
    if isinstance(error, PredictionException):
        code = getattr(error, "error_code", None)
        return Failure(OUT_OF_MEMORY if code == TOO_LARGE else _status(code), as_text(getattr(error, "message", "")))
    if isinstance(error, MemoryError) or "CUDA" in as_text(error):
        return Failure(OUT_OF_MEMORY, "Out of resources")
    return Failure(503, "Prediction failed")


def load_failure(error: BaseException) -> Failure:
    """Return the code (507 out of memory, else 500) and the one-line cause of a failed load."""
    told = as_text(error)
    out_of_memory = isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "CUDA" in told)
    first_line = (told.strip().splitlines() or [""])[0][:LONGEST_CAUSE]
    message = f"{kind_of(error)}: {first_line}" if first_line else kind_of(error)
    if is_frozen() and isinstance(error, ModuleNotFoundError):
        message += f" (Marina's own Python takes no packages: {CHOOSE_PYTHON})"
    return Failure(OUT_OF_MEMORY if out_of_memory else 500, message)


def _status(code: Any) -> int:
    """Return a status that can be sent; TorchServe never answers when the code is none."""
    return code if isinstance(code, int) and OK <= code <= LAST_STATUS else 500
