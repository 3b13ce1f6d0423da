"""Base classes of handlers that come with a signature of their inputs. Deprecated: use `BaseHandler`."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..context import Context


class ModelService(ABC):
    """Answers with what `inference` makes of the first request's input."""

    def __init__(
        self,
        model_name: str,  # noqa: ARG002 - subclasses pass them; `initialize` brings the facts
        model_dir: str,  # noqa: ARG002 - as above
        manifest: dict[str, Any] | None,  # noqa: ARG002 - as above
        gpu: int | None = None,  # noqa: ARG002 - as above
    ) -> None:
        self.ctx: Any = None
        self._context: Context | None = None
        self._signature: dict[str, Any] = {}

    def initialize(self, context: Context) -> None:
        """Read the signature that the manifest names under Model and Signature; raises ValueError without it."""
        self._context = context
        name = ((context.manifest or {}).get("Model") or {}).get("Signature")
        path = Path(context.system_properties["model_dir"], name or "")
        if not path.is_file():
            raise ValueError("The manifest must name the file of the model's signature, as Model, Signature.")
        self._signature = json.loads(path.read_text(encoding="utf-8"))

    @abstractmethod
    def inference(self, data: list[Any]) -> Any:
        """Return the answer to the inputs `data`."""

    def ping(self) -> str:
        """Tell that the service is well."""
        return "healthy"

    def signature(self) -> dict[str, Any]:
        """Return the signature: `input_type`, and `inputs` with the `data_name` of each."""
        return self._signature

    def handle(self, data: list[dict[str, Any]], context: Context) -> list[Any]:  # noqa: ARG002 - TorchServe's signature
        """Answer the first request, from the input that the signature names first, else its `body` or `data`."""
        row = data[0]
        names = (self._signature["inputs"][0]["data_name"], "body", "data")
        value = next((row[name] for name in names if row.get(name) is not None), None)
        if self._signature["input_type"] == "application/json" and isinstance(value, (bytes, bytearray)):
            value = json.loads(value)
        answer = self.inference([value])
        return answer if isinstance(answer, list) else [answer]


class SingleNodeService(ModelService):
    """Inference in three steps, of which subclasses must give the second."""

    def inference(self, data: list[Any]) -> Any:
        """Return the outcome of the three steps."""
        return self._postprocess(self._inference(self._preprocess(data)))

    @abstractmethod
    def _inference(self, data: Any) -> Any:
        """Return what the model makes of the prepared inputs."""

    def _preprocess(self, data: list[Any]) -> Any:
        return data

    def _postprocess(self, data: Any) -> Any:
        return data
