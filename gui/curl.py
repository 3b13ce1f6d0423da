"""The REST calls that do what the window does, as curl lines to copy into a shell. Pure.

Parameters and paths are TorchServe's management and inference APIs.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from engine.registration import Registration

MANAGEMENT = "http://127.0.0.1:8081"
INFERENCE = "http://127.0.0.1:8080"

Parameters = dict[str, str | int | bool | None]


def _line(method: str, base: str, path: str, parameters: Parameters | None = None, extra: str = "") -> str:
    given = {key: _plain(value) for key, value in (parameters or {}).items() if value is not None}
    url = base + path + (f"?{urlencode(given, safe='/:', quote_via=quote)}" if given else "")
    verb = "" if method == "GET" else f"-X {method} "
    return f"curl {verb}{shlex.quote(url)}{extra}"


def _plain(value: str | int | bool) -> str:  # noqa: FBT001 - a parameter's value, not a switch
    return str(value).lower() if isinstance(value, bool) else str(value)


def _model(name: str, version: str | None) -> str:
    path = f"/models/{quote(name, safe='')}"
    return f"{path}/{quote(version, safe='')}" if version is not None else path


def register(base: str, registration: Registration) -> str:
    """`POST /models`, with the parameters that were given."""
    parameters: Parameters = {
        "url": registration.url,
        "model_name": registration.model_name,
        "handler": registration.handler,
        "runtime": registration.runtime,
        "batch_size": registration.batch_size,
        "max_batch_delay": registration.max_batch_delay,
        "initial_workers": registration.initial_workers,
        "synchronous": registration.synchronous or None,
        "response_timeout": registration.response_timeout,
        "startup_timeout": registration.startup_timeout,
        "s3_sse_kms": registration.s3_sse_kms or None,
        "s3_profile": registration.s3_profile,
        "sha256": registration.sha256,
    }
    return _line("POST", base, "/models", parameters)


def scale(base: str, name: str, version: str | None, min_workers: int, max_workers: int) -> str:
    """`PUT /models/{name}/{version}`."""
    return _line("PUT", base, _model(name, version), {"min_worker": min_workers, "max_worker": max_workers})


def set_default(base: str, name: str, version: str) -> str:
    """`PUT /models/{name}/{version}/set-default`."""
    return _line("PUT", base, f"{_model(name, version)}/set-default")


def unregister(base: str, name: str, version: str | None) -> str:
    """`DELETE /models/{name}/{version}`."""
    return _line("DELETE", base, _model(name, version))


def describe(base: str, name: str, version: str | None) -> str:
    """`GET /models/{name}/{version}`."""
    return _line("GET", base, _model(name, version))


def predict(base: str, name: str, version: str | None) -> str:
    """`POST /predictions/{name}/{version}` with a file as its body."""
    return _line("POST", base, prediction_path(name, version), extra=" -T input")


def prediction_path(name: str, version: str | None = None) -> str:
    """The path that requests go to; the default version's when none is named."""
    return _model(name, version).replace("/models/", "/predictions/", 1)
