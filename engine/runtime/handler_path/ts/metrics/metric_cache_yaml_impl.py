"""The metrics cache that can be filled from the `model_metrics` section of a metrics YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .metric_cache_abstract import MetricsCacheAbstract
from .metric_cache_errors import MetricsCacheKeyError, MetricsCachePyYamlError
from .metric_type_enum import MetricTypes


class MetricsCacheYamlImpl(MetricsCacheAbstract):
    """Metrics declared in `config_file_path` keep the unit and dimensions given there."""

    def initialize_cache(self) -> None:
        """Declare every metric of the file; raises MetricsCachePyYamlError or MetricsCacheKeyError when it is wrong."""
        self.declare(self._model_metrics())

    def declare(self, section: dict[str, Any]) -> None:
        """Declare every metric of a section {type: [{"name", "unit", "dimensions"}]}; raises MetricsCacheKeyError."""
        try:
            for kind, entries in section.items():
                for entry in entries or ():
                    self.add_metric_to_cache(entry["name"], entry["unit"], entry["dimensions"], MetricTypes(kind))
        except (KeyError, ValueError) as error:
            raise MetricsCacheKeyError(f"model_metrics in {self.config_file_path}: {error}") from error

    def _model_metrics(self) -> dict[str, Any]:
        import yaml  # noqa: PLC0415 - an optional package

        try:
            content = yaml.safe_load(Path(self.config_file_path).read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise MetricsCachePyYamlError(f"{self.config_file_path} is no YAML: {error}") from error
        section = content.get("model_metrics") if isinstance(content, dict) else None
        if not isinstance(section, dict):
            raise MetricsCacheKeyError(f"{self.config_file_path} has no section model_metrics")
        return section
