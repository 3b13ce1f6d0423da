"""A context for tests of handlers, without a server."""

from __future__ import annotations

import uuid
from typing import Any

from ....metrics.metrics_store import MetricsStore
from ....utils.packages import import_if_installed


class MockContext:
    """What `initialize` and `handle` need: a manifest, a model's folder, `gpu_id` where CUDA is, and metrics."""

    def __init__(
        self,
        model_pt_file: str | None = "model.pt",
        model_dir: str = "ts/torch_handler/unit_tests/models/tmp",
        model_file: str | None = "model.py",
        gpu_id: str | None = "0",
        model_name: str = "mnist",
    ) -> None:
        self.manifest: dict[str, Any] = {"model": {"serializedFile": model_pt_file}}
        if model_file:
            self.manifest["model"]["modelFile"] = model_file
        self.system_properties: dict[str, Any] = {"model_dir": model_dir}
        self.model_yaml_config: dict[str, Any] = {}
        torch = import_if_installed("torch")
        if torch is not None and torch.cuda.is_available() and gpu_id:
            self.system_properties["gpu_id"] = gpu_id
        self.metrics = MetricsStore(str(uuid.uuid4()), model_name)

    def get_request_header(self, index: int, key: str) -> bool:
        """Say that nothing is to be explained."""
        return not (key == "explain" and index == 0)
