"""Errors as HTTP answers, in TorchServe's shape."""

from __future__ import annotations

import json
import uuid

import pytest
from aiohttp import web

from engine import errors
from engine.api.answers import error_of, json_response, new_request_id

CASES: list[tuple[Exception, int, str]] = [
    (errors.BadRequestError("x"), 400, "BadRequestException"),
    (errors.NotFoundError("x"), 404, "ModelNotFoundException"),
    (errors.ModelNotFoundError("x"), 404, "ModelNotFoundException"),
    (errors.ArchiveNotFoundError("x"), 404, "ModelNotFoundException"),
    (errors.VersionNotFoundError("x"), 404, "ModelVersionNotFoundException"),
    (errors.DownloadError("x"), 400, "DownloadArchiveException"),
    (errors.ConflictError("x"), 409, "ConflictStatusException"),
    (errors.DefaultVersionError("x"), 403, "InvalidModelVersionException"),
    (errors.InvalidArchiveError("x"), 400, "InvalidModelException"),
    (errors.RequirementsError("x"), 400, "ModelException"),
    (errors.CancelledActError("x"), 400, "ModelException"),
    (errors.UnavailableError("x"), 503, "ServiceUnavailableException"),
    (errors.TimedOutError("x"), 408, "RequestTimeoutException"),
    (errors.WorkerStartError("x"), 500, "InternalServerException"),
    (errors.WorkerStartError("x", out_of_memory=True), 507, "InternalServerException"),
    (errors.PredictionError("x", 500), 500, "InternalServerException"),
    (errors.PredictionError("x", 503), 503, "InternalServerException"),
    (errors.PredictionError("x", 413), 507, "InternalServerException"),
    (errors.SettingsError("x"), 500, "InternalServerException"),
    (errors.StoreError("x"), 500, "InternalServerException"),
    (errors.MarinaError("x"), 500, "InternalServerException"),
]


@pytest.mark.parametrize(("error", "status", "kind"), CASES, ids=lambda value: type(value).__name__)
def test_each_error_has_its_code_and_type(error: Exception, status: int, kind: str) -> None:
    answer = error_of(error, "id-1")

    assert answer.status == status
    assert json.loads(answer.body) == {"code": status, "type": kind, "message": "x"}  # type: ignore[arg-type]
    assert answer.headers["x-request-id"] == "id-1"
    assert answer.keep_alive is False


def test_every_error_class_is_among_the_cases() -> None:
    classes = {value for value in vars(errors).values() if isinstance(value, type)}

    assert classes - {type(error) for error, _, _ in CASES} == {errors.AddressInUseError, errors.HomeInUseError}


def test_an_unforeseen_error_is_logged_under_the_request_id_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    answer = error_of(KeyError("secret"), "id-2")

    assert answer.status == 500
    assert b"secret" not in bytes(answer.body)  # type: ignore[arg-type]
    assert b"id-2" in bytes(answer.body)  # type: ignore[arg-type]
    assert "id-2" in caplog.text
    assert "secret" in caplog.text


def test_json_has_two_spaces_a_line_end_and_the_common_headers() -> None:
    answer = json_response(200, {"status": "é"}, "id-3")

    assert answer.body == '{\n  "status": "é"\n}\n'.encode()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers["Cache-Control"] == "no-cache; no-store, must-revalidate, private"
    assert answer.headers["Expires"] == "Thu, 01 Jan 1970 00:00:00 UTC"
    assert isinstance(answer, web.Response)
    assert answer.keep_alive is not False


def test_request_ids_are_fresh_uuids() -> None:
    first, second = new_request_id(), new_request_id()

    assert uuid.UUID(first) != uuid.UUID(second)


def test_why_a_request_cannot_be_served_is_told_in_a_header() -> None:
    response = error_of(errors.UnavailableError("x", "The job queue is full."), "id-1")
    assert response.headers["x-marina-reason"] == "The job queue is full."
    assert "x-marina-reason" not in error_of(errors.UnavailableError("x"), "id-1").headers


def test_a_reason_is_one_line_of_ascii_whatever_a_handler_said() -> None:
    response = error_of(errors.UnavailableError("x", "naïve\r\n\0Set-Cookie: a=b" + "y" * 9999), "id-1")
    assert response.headers["x-marina-reason"].startswith("na\\xefve Set-Cookie: a=b")
    assert len(response.headers["x-marina-reason"]) == 500
