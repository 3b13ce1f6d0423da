"""Errors as gRPC statuses: the code, the text that REST has, and what goes with it. Pure but for the log.

`told` is what Marina says. `told_by_inference` and `told_by_management` are what TorchServe 0.12 did (setting
`api_dialect`): the exception's name as a second line, and codes that say less.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

import grpc

from engine import errors
from engine.api import answers
from engine.settings import Settings

# TorchServe: what an HTTP status becomes; the rest goes by its first digit.
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ABORTED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    416: grpc.StatusCode.OUT_OF_RANGE,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_BY_FIRST_DIGIT = {4: grpc.StatusCode.FAILED_PRECONDITION, 5: grpc.StatusCode.INTERNAL}
# Where gRPC has a better word than HTTP.
_OWN: dict[type[BaseException], grpc.StatusCode] = {
    errors.ConflictError: grpc.StatusCode.ALREADY_EXISTS,
    errors.TimedOutError: grpc.StatusCode.DEADLINE_EXCEEDED,
}
# TorchServe: where its exceptions live.
_PACKAGES = {
    "BadRequestException": "org.pytorch.serve.http.",
    "InternalServerException": "org.pytorch.serve.http.",
    "DownloadArchiveException": "org.pytorch.serve.archive.",
}
_MODELS = "org.pytorch.serve.archive.model."
INTERNAL_ERROR, BAD_REQUEST = "InternalServerException.()", "BadRequestException.()"
REQUEST_ID = "x-request-id"


class Failure(NamedTuple):
    """How a call ends that fails; `trailing` is metadata."""

    code: grpc.StatusCode
    text: str
    trailing: tuple[tuple[str, str], ...] = ()


Teller = Callable[[BaseException, str], Failure]


class DisabledError(errors.MarinaError):
    """Models may not be registered or unregistered here."""

    def __init__(self) -> None:
        """TorchServe's words."""
        super().__init__("Model API disabled")


class EndedError(errors.MarinaError):
    """The call is to end in just this way."""

    def __init__(self, failure: Failure) -> None:
        """`failure` is that way."""
        super().__init__(failure.text)
        self.failure = failure


# TorchServe: what it has no status for.
UNNAMED = Failure(grpc.StatusCode.UNKNOWN, "")


def tellers(settings: Settings) -> tuple[Teller, Teller]:
    """Return what tells of errors in inference and in management; it takes the error and the request's id."""
    return (told_by_inference, told_by_management) if is_recorded(settings) else (told, told)


def is_recorded(settings: Settings) -> bool:
    """Whether answers are to be as TorchServe 0.12 gave them."""
    return settings.api_dialect == "torchserve-0.12"


def code_of(status: int) -> grpc.StatusCode:
    """Return the code for an HTTP status that is no success."""
    return CODES.get(status) or _BY_FIRST_DIGIT.get(status // 100, grpc.StatusCode.UNKNOWN)


def told(error: BaseException, request_id: str) -> Failure:
    """Return the code that fits, with REST's text; why nobody could serve goes along, as REST's header does."""
    reason = answers.reason_of(error)
    trailing = ((REQUEST_ID, request_id), *(((answers.REASON_HEADER, reason),) if reason else ()))
    if isinstance(error, DisabledError):
        return Failure(grpc.StatusCode.PERMISSION_DENIED, str(error), trailing)
    status, _, text = answers.told(error, request_id)
    code = _OWN.get(type(error)) or code_of(_status(error, status))
    return Failure(code, text, trailing)


def told_by_inference(error: BaseException, request_id: str) -> Failure:
    """TorchServe: whatever a handler did not say itself is INTERNAL."""
    if isinstance(error, EndedError):
        return error.failure
    status, name, text = answers.told(error, request_id)
    if isinstance(error, errors.PredictionError | errors.TimedOutError):
        return Failure(code_of(_status(error, status)), f"{text}\n{_full('InternalServerException')}")
    return Failure(grpc.StatusCode.INTERNAL, f"{text}\n{inference_name(error, name)}")


def told_by_management(error: BaseException, request_id: str) -> Failure:
    """TorchServe: what it has no status for is UNKNOWN, without a word."""
    if isinstance(error, EndedError):
        return error.failure
    if isinstance(error, DisabledError):
        return Failure(grpc.StatusCode.PERMISSION_DENIED, f"{error}\n{_full('ModelException')}")
    if isinstance(error, errors.ConflictError | errors.DefaultVersionError):
        return UNNAMED
    status, name, text = answers.told(error, request_id)
    if isinstance(error, errors.UnavailableError):
        return Failure(grpc.StatusCode.INTERNAL, f"{INTERNAL_ERROR}\n{_full('InternalServerException')}")
    return Failure(code_of(_status(error, status)), f"{text}\n{_full(name)}")


def inference_name(error: BaseException, name: str) -> str:
    """Return the name that TorchServe's inference service gives an error."""
    made_there: dict[type[BaseException], str] = {
        errors.BadRequestError: BAD_REQUEST,
        errors.UnavailableError: INTERNAL_ERROR,
    }
    return made_there.get(type(error)) or _full(name)


def _status(error: BaseException, status: int) -> int:
    """Return a handler's own status, which REST may have replaced."""
    if isinstance(error, errors.PredictionError):
        return error.status
    return HTTPStatus.INTERNAL_SERVER_ERROR if isinstance(error, errors.WorkerStartError) else status


def _full(name: str) -> str:
    return _PACKAGES.get(name, _MODELS) + name
