"""The vocabulary of the tables of operations, and the reading of their parameters. Pure."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from aiohttp import web

from engine.engine import Engine
from engine.errors import BadRequestError
from engine.registration import require_range

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")

Handler = Callable[[Engine, web.BaseRequest, Mapping[str, str]], Awaitable[web.StreamResponse]]
# Takes the façade and the values of the path's names, waits for nothing, gives a status and a JSON value.
AtOnce = Callable[[Engine, Mapping[str, str]], tuple[int, Any]]


class Kind(Enum):
    """The type of a parameter."""

    TEXT = "string"
    NUMBER = "integer"
    SWITCH = "boolean"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter in the query, or of the same name in a JSON body. `default` None means not given.

    `limits` are the least and the largest number that it may be, `choices` the texts that it may be. An empty text
    counts as not given, unless the parameter `keeps_empty`, because it being empty can only be a mistake.
    """

    name: str
    kind: Kind
    about: str
    default: Any = None
    required: bool = False
    limits: tuple[int, int] | None = None
    choices: tuple[str, ...] = ()
    keeps_empty: bool = False


class Body(Enum):
    """What a request may carry, by its media type."""

    NONE = ""
    PARAMETERS = "application/json"
    ANY = "*/*"


class Answer(NamedTuple):
    """A status that an operation may answer with: when, and what the body is.

    `schema` is the name of one in `engine.api.openapi`, a media type for anything but JSON, or "" without a body.
    """

    about: str
    schema: str = "Error"


_FAILURES = {
    400: Answer("A parameter or the body cannot be used"),
    404: Answer("There is no such model, version or archive"),
    405: Answer("The setting enable_model_api is off"),
    408: Answer("The wait ended before the work did"),
    413: Answer("The body is larger than the setting max_request_size", ""),
    500: Answer("Marina, a worker or a handler failed"),
    503: Answer("Nobody can serve the request now"),
    507: Answer("A worker ran out of memory"),
}


def failures(*statuses: int) -> dict[str, Answer]:
    """Return the answers for statuses that mean the same wherever they occur."""
    return {str(status): _FAILURES[status] for status in statuses}


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: `methods` (None: any, as TorchServe has it for predictions) on `path` is answered by `handler`.

    A segment of `path` in braces takes any one segment under that name, or what stands there before the text that
    follows the braces; `{rest...}` at the end takes what follows.
    `answers` has what the API document says of each status; rows that are `hidden` work but are not in it.
    `at_once`, where there is one, answers a request without a query and a body as `handler` does.
    """

    name: str
    methods: tuple[str, ...] | None
    path: str
    about: str
    handler: Handler
    parameters: tuple[Parameter, ...] = ()
    body: Body = Body.NONE
    answers: Mapping[str, Answer] = field(default_factory=dict)
    hidden: bool = False
    at_once: AtOnce | None = None


def read_parameters(declared: tuple[Parameter, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each declared parameter; one that is not declared is ignored (TorchServe).

    An empty text counts as not given, since clients with fixed forms send fields that were left empty.

    Raises BadRequestError naming the parameter that is missing, of the wrong kind or out of its limits.
    """
    return {parameter.name: _read(parameter, given.get(parameter.name)) for parameter in declared}


def _read(parameter: Parameter, value: Any) -> Any:
    if value is None or (value == "" and not parameter.keeps_empty):
        if parameter.required:
            raise BadRequestError(f"Parameter {parameter.name} is required.")
        return parameter.default
    if parameter.kind is Kind.SWITCH:
        # TorchServe: only "true", in any case, is true.
        return str(value).lower() == "true"
    if parameter.kind is Kind.NUMBER:
        return _number(parameter, value)
    if isinstance(value, bool | list | dict):
        raise BadRequestError(f"{parameter.name} must be a text.")
    return str(value)


def _number(parameter: Parameter, value: Any) -> int:
    """Read a whole number; JSON may give it as a text (TorchServe). Digits of other scripts and `_` do not count."""
    text = str(value)
    if not _WHOLE.fullmatch(text):
        raise BadRequestError(f"{parameter.name} must be a whole number, not {text[:100]!r}.")
    number = int(text)
    if parameter.limits:
        require_range(parameter.name, number, *parameter.limits)
    return number
