"""The envelope `json`: requests carry {"instances": [...]}, answers {"predictions": [...]}."""

from __future__ import annotations

import base64
import json
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from ...utils.util import PredictionException
from .base import BaseEnvelope, json_object, list_in, plain

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODED = "b64"


class JSONEnvelope(BaseEnvelope):
    """Hands over the instances of every request of the batch as one list."""

    def __init__(self, handle_fn: Callable[[Any, Any], Any]) -> None:
        super().__init__(handle_fn)
        self._lengths: list[int] = []

    def parse_input(self, data: list[dict[str, Any]]) -> list[Any]:
        """Return the instances, {"b64": ...} decoded; raises PredictionException 400 for a body without any."""
        try:
            batches = [_decoded(list_in(json_object(row), "instances")) for row in data]
        except ValueError as error:
            raise PredictionException(str(error), 400) from error
        self._lengths = [len(batch) for batch in batches]
        return list(chain.from_iterable(batches))

    def format_output(self, data: Any) -> list[str]:
        """Return one line of JSON for each request, with as many predictions as it had instances."""
        results = iter(plain(data))
        return [json.dumps({"predictions": list(islice(results, length))}) for length in self._lengths]


def _decoded(instances: list[Any]) -> list[Any]:
    """Return the instances with {"b64": ...} as bytes, where the first one is an object at all (TorchServe)."""
    if not instances or not isinstance(instances[0], dict):
        return instances
    return [_decoded_instance(instance) for instance in instances]


def _decoded_instance(instance: Any) -> Any:
    if not isinstance(instance, dict) or _is_encoded(instance):
        return _decoded_value(instance)
    return {name: _decoded_value(value) for name, value in instance.items()}


def _decoded_value(value: Any) -> Any:
    return base64.b64decode(value[ENCODED]) if _is_encoded(value) else value


def _is_encoded(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == [ENCODED] and isinstance(value[ENCODED], str)
