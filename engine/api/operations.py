"""The vocabulary of the tables of operations, and the reading of their parameters. Pure."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiohttp import web

from engine.engine import Engine
from engine.errors import BadRequestError

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")

Handler = Callable[[Engine, web.BaseRequest, Mapping[str, str]], Awaitable[web.StreamResponse]]


class Kind(Enum):
    """The type of a parameter."""

    TEXT = "string"
    NUMBER = "integer"
    SWITCH = "boolean"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter in the query, or of the same name in a JSON body. `default` None means not given."""

    name: str
    kind: Kind
    about: str
    default: Any = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: `methods` (None: any, as TorchServe has it for predictions) on `path` is answered by `handler`.

    A segment of `path` in braces takes any one segment under that name; `{rest...}` at the end takes what follows.
    """

    name: str
    methods: tuple[str, ...] | None
    path: str
    about: str
    handler: Handler
    parameters: tuple[Parameter, ...] = ()


def read_parameters(declared: tuple[Parameter, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each declared parameter; what is not declared is passed over (TorchServe).

    Raises BadRequestError naming the parameter that is missing or of the wrong kind.
    """
    return {parameter.name: _read(parameter, given.get(parameter.name)) for parameter in declared}


def _read(parameter: Parameter, value: Any) -> Any:
    if value is None:
        if parameter.required:
            raise BadRequestError(f"Parameter {parameter.name} is required.")
        return parameter.default
    if parameter.kind is Kind.SWITCH:
        # TorchServe: only "true", in any case, is true.
        return str(value).lower() == "true"
    if parameter.kind is Kind.NUMBER:
        return _number(parameter.name, value)
    if isinstance(value, bool | list | dict):
        raise BadRequestError(f"{parameter.name} must be a text.")
    return str(value)


def _number(name: str, value: Any) -> int:
    """Read a whole number; JSON may give it as a text (TorchServe). Digits of other scripts and `_` do not count."""
    text = str(value)
    if not _WHOLE.fullmatch(text):
        raise BadRequestError(f"{name} must be a whole number, not {text[:100]!r}.")
    return int(text)
