"""Results and errors as HTTP responses, in TorchServe's shapes. Runs on the loop; no I/O."""

from __future__ import annotations

import logging
import random
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from engine import errors

log = logging.getLogger(__name__)

# TorchServe: these go with every answer, along with a request id of the server's own making.
COMMON_HEADERS = {
    "Pragma": "no-cache",
    "Cache-Control": "no-cache; no-store, must-revalidate, private",
    "Expires": "Thu, 01 Jan 1970 00:00:00 UTC",
    "X-Content-Type-Options": "nosniff",
}
PATH_UNKNOWN = "Requested resource is not found, please refer to API document."
METHOD_UNKNOWN = "Requested method is not allowed, please refer to API document."
BODY_UNREADABLE = "The body cannot be read: its encoding or its length is not what the headers say."
# The longest request line and the longest header that are read, in bytes, and how many headers a request may have.
LONGEST_LINE, MOST_HEADERS = 8190, 500
LONGEST_PROBLEM = 200
# Why a request could not be served now and what helps, since TorchServe has one text for all of it.
REASON_HEADER = "x-marina-reason"
LONGEST_REASON = 500
# From here on TorchServe closes the connection after its answer.
FIRST_ERROR = 400

# The most specific class first: the first that fits gives the code and TorchServe's name for it.
_KINDS: tuple[tuple[type[errors.MarinaError], int, str], ...] = (
    (errors.BadRequestError, 400, "BadRequestException"),
    (errors.VersionNotFoundError, 404, "ModelVersionNotFoundException"),
    (errors.NotFoundError, 404, "ModelNotFoundException"),
    (errors.DownloadError, 400, "DownloadArchiveException"),
    (errors.ConflictError, 409, "ConflictStatusException"),
    (errors.DefaultVersionError, 403, "InvalidModelVersionException"),
    (errors.InvalidArchiveError, 400, "InvalidModelException"),
    (errors.RequirementsError, 400, "ModelException"),
    (errors.CancelledActError, 400, "ModelException"),
    (errors.UnavailableError, 503, "ServiceUnavailableException"),
    (errors.TimedOutError, 408, "RequestTimeoutException"),
)
_OTHER = "InternalServerException"
# Nobody gains by guessing an id, and asking the system for each costs ten times as much.
_random = random.Random()  # noqa: S311 - see above


def new_request_id() -> str:
    """Return a fresh id in the form of a random UUID; what a client sends as one is not taken over (TorchServe)."""
    digits = f"{_random.getrandbits(128):032x}"
    # The digits that say "version 4, variant 1" are the same in all of them.
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def json_response(status: int, value: Any, request_id: str) -> web.Response:
    """Return `value` as a JSON answer."""
    return response_of(status, encoded(value), request_id)


def encoded(value: Any) -> bytes:
    """Return `value` as two-space JSON with a line end, as TorchServe writes it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def response_of(status: int, body: bytes, request_id: str) -> web.Response:
    """Return the answer with an encoded JSON value."""
    headers = {**COMMON_HEADERS, "x-request-id": request_id, "Content-Type": "application/json"}
    response = web.Response(status=status, body=body, headers=headers)
    if status >= FIRST_ERROR:
        response.force_close()
    return response


def error_response(status: int, kind: str, message: str, request_id: str) -> web.Response:
    """Return TorchServe's one shape of error."""
    return json_response(status, {"code": status, "type": kind, "message": message}, request_id)


def error_of(error: BaseException, request_id: str) -> web.Response:
    """Return the response for an error that an operation raised."""
    return _explained(error_response(*told(error, request_id), request_id), error)


def told(error: BaseException, request_id: str) -> tuple[int, str, str]:
    """Return status, TorchServe's name and text for an error; one that nobody foresaw is logged."""
    if isinstance(error, web.RequestPayloadError):
        return 400, "BadRequestException", BODY_UNREADABLE
    if isinstance(error, errors.PredictionError):
        # TorchServe: 413 belongs to the request's size alone.
        return 507 if error.status == 413 else error.status, _OTHER, str(error)  # noqa: PLR2004 - HTTP's code
    if isinstance(error, errors.WorkerStartError):
        return 507 if error.out_of_memory else 500, _OTHER, str(error)
    for kind, status, name in _KINDS:
        if isinstance(error, kind):
            return status, name, str(error)
    if not isinstance(error, errors.MarinaError):
        log.error("Request %s failed", request_id, exc_info=error)
        return 500, _OTHER, f"Marina failed to answer; its log names {request_id}."
    return 500, _OTHER, str(error)


def http_problem(error: HttpProcessingError) -> str:
    """Return in one line of ASCII why bytes are no HTTP request. aiohttp's own text may show the bytes below it."""
    if isinstance(error, LineTooLong):
        return f"The request line or a header is longer than {LONGEST_LINE} bytes."
    said = error.message.partition("\n\n")[0].strip(" :\n")
    if said == "Too many headers received":
        return f"The request has more than {MOST_HEADERS} headers."
    return f"The request is not valid HTTP: {_fit_for_a_header(said)[:LONGEST_PROBLEM]}."


def reason_of(error: BaseException) -> str:
    """Return why nobody could serve a request and what helps, fit for a header; "" for every other error."""
    return _fit_for_a_header(error.reason) if isinstance(error, errors.UnavailableError) else ""


def _fit_for_a_header(text: str) -> str:
    """Return `text`, which may hold a handler's own words, as one line of ASCII that no header can be hidden in."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split()).encode("ascii", "backslashreplace").decode()[:LONGEST_REASON]


def _explained(response: web.Response, error: BaseException) -> web.Response:
    if reason := reason_of(error):
        response.headers[REASON_HEADER] = reason
    return response
