"""How the text of a setting becomes its value. Pure; every reader raises ValueError with the reason in words.

A reason completes the sentence "KEY = TEXT: ...", and says what may stand there.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from engine import gson
from engine.gson import JAVA_INT_MAX
from engine.ranges import RANGES

MINUTES_OF_A_YEAR = 366 * 24 * 60


class StartModel(NamedTuple):
    """A model to register at the start; without a name the archive's own is taken."""

    name: str | None
    file: str

    def __str__(self) -> str:
        """Return it as `load_models` writes it."""
        return f"{self.name}={self.file}" if self.name else self.file


# TorchServe: the single word `all`, in any case, stands for the whole model store.
ALL_MODELS = (StartModel(None, "ALL"),)


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """What the setting `models` gives one version; None leaves a value alone. Delay in ms, timeouts in seconds."""

    name: str
    version: str
    min_workers: int | None = None
    max_workers: int | None = None
    batch_size: int | None = None
    max_batch_delay: int | None = None
    response_timeout: int | None = None
    startup_timeout: int | None = None
    runtime: str | None = None

    def __str__(self) -> str:
        """Return name and version with the values that are set."""
        given = {key: getattr(self, key) for key in _MODEL_KEYS.values()}
        return " ".join([f"{self.name}/{self.version}", *(f"{k}={v}" for k, v in given.items() if v is not None)])


_MODEL_KEYS = {
    "minWorkers": "min_workers",
    "maxWorkers": "max_workers",
    "batchSize": "batch_size",
    "maxBatchDelay": "max_batch_delay",
    "responseTimeout": "response_timeout",
    "startupTimeout": "startup_timeout",
    "runtimeType": "runtime",
}
_RANGES_OF_KEYS = {
    "minWorkers": "min_worker",
    "maxWorkers": "max_worker",
    "batchSize": "batch_size",
    "maxBatchDelay": "max_batch_delay",
    "responseTimeout": "response_timeout",
    "startupTimeout": "startup_timeout",
}


def boolean(text: str) -> bool:
    """Read `true` or `false` in any case."""
    value = {"true": True, "false": False}.get(text.lower())
    if value is None:
        raise ValueError("write true or false")
    return value


def integer(low: int, high: int = JAVA_INT_MAX) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(text)

    return parse


def minutes(text: str) -> float:
    """Read a length of time in minutes, with decimals; at most a year."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not 0 < float(text) <= MINUTES_OF_A_YEAR:
        raise ValueError("write a number of minutes, at most a year")
    return float(text)


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a reader of one word out of `allowed`, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"write one of {', '.join(allowed)}")
        return text.lower()

    return parse


def folder(text: str) -> Path:
    """Read the path of a folder; whether it exists is checked where the working folder is known."""
    if "\0" in text:
        raise ValueError("a path holds no NUL character")
    return Path(text)


def program(text: str) -> str:
    """Read the whole path of a program; whether it runs is seen when it is needed."""
    if "\0" in text or not PurePath(text).is_absolute():
        raise ValueError("write the whole path, from the root on")
    return text


def file(text: str) -> Path:
    """Read the path of a file; whether it exists is checked where the working folder is known."""
    return folder(text)


def pattern(text: str) -> re.Pattern[str]:
    """Read one regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from error


def patterns(text: str) -> tuple[str, ...]:
    """Read regular expressions with commas between them; an empty text is none at all."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in found:
        pattern(part)
    return found


def hosts(text: str) -> tuple[str, ...]:
    """Read names of hosts with commas between them, each as `Host` may say it; `*` stands for every name."""
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for part in found:
        if part != "*" and not re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", part):
            raise ValueError(f"{part!r} is no host; write names like gpu-box.lab or gpu-box.lab:8081")
    return found


def host(text: str) -> str:
    """Read the name or the address of one host to listen on, an IPv6 one with or without brackets."""
    bare = text.strip("[]")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", bare) and not _is_ipv6(bare):
        raise ValueError("it is no host; write it like 127.0.0.1, without a port")
    return bare


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def header(text: str) -> str:
    """Read the value of an HTTP header: visible Latin characters and blanks, no line break."""
    if not re.fullmatch(r"[\x20-\x7e\xa0-\xff]*", text):
        raise ValueError("a header's value is one line without control characters")
    return text


def start_models(text: str) -> tuple[StartModel, ...]:
    """Read `all`, or `FILE` and `NAME=FILE` with commas between them. TorchServe: blanks belong to the name."""
    if text.lower() == "all":
        return ALL_MODELS
    return tuple(_start_model(part) for part in text.split(",") if part)


def _start_model(text: str) -> StartModel:
    name, equals, file = text.rpartition("=")
    if not file or (equals and not name):
        raise ValueError(f"{text!r} names no archive; write all, a.mar or name=a.mar, with commas between them")
    return StartModel(name or None, file)


def model_defaults(text: str) -> tuple[ModelDefaults, ...]:
    """Read the JSON object {name: {version: {minWorkers, maxWorkers, batchSize, ...}}}, by Gson's rules.

    TorchServe: a number of 0 or less counts as not given, and keys it does not know are passed over.
    """
    try:
        models = gson.loads(text)
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    return tuple(
        _model(name, version, values)
        for name, versions in _object(models, "the whole").items()
        for version, values in _object(versions, repr(name)).items()
    )


def _model(name: str, version: str, values: Any) -> ModelDefaults:
    known = {key: value for key, value in _object(values, f"{name!r} {version!r}").items() if key in _MODEL_KEYS}
    given = {_MODEL_KEYS[key]: _model_value(key, value) for key, value in known.items()}
    return ModelDefaults(name, version, **given)


def _model_value(key: str, value: Any) -> Any:
    if key == "runtimeType":
        if isinstance(value, str):
            return value
        raise ValueError(f"{key} must be a text")
    return number_above_0(key, value)


def number_above_0(key: str, value: Any) -> int | None:
    """Return a number of JSON; TorchServe counts one of 0 or less as not given, and so does null.

    Raises ValueError for what is no whole number, and for one that is too large for this key of `models`.
    """
    if value is None:
        return None
    try:
        number = gson.whole_number(value)
    except ValueError as error:
        raise ValueError(f"{key} {error}") from None
    most = RANGES[_RANGES_OF_KEYS[key]][1]
    if number > most:
        raise ValueError(f"{key} must be at most {most}")
    return number if number > 0 else None


def _object(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{where} must be a JSON object")


def text_of(value: object) -> str:
    """Return a value as text to show or to write into a file; not given is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, re.Pattern):
        return str(value.pattern)
    if type(value) is tuple:  # an address is a tuple too, with a text of its own
        return ",".join(text_of(item) for item in value)
    return str(value)
