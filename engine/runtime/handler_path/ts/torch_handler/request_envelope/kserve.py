"""The envelope `kserve`: requests and answers of KServe v1, {"instances": [...]} and {"predictions": [...]}."""

from __future__ import annotations

from typing import Any

from .base import BaseEnvelope, json_object, list_in, plain


class KServeEnvelope(BaseEnvelope):
    """Hands over the instances of the first request, and answers it with everything that the handler returns.

    Several requests in one batch therefore fail, as in TorchServe; instances make up a batch here.
    """

    def parse_input(self, data: list[dict[str, Any]]) -> list[Any]:
        """Return the instances; raises ValueError for a body without any (TorchServe: 503)."""
        return list_in(json_object(data[0]), "instances")

    def format_output(self, data: Any) -> list[dict[str, Any]]:
        """Return the predictions, or the explanations when these were asked for."""
        return [{"explanations" if self._asks("explain") else "predictions": plain(data)}]
