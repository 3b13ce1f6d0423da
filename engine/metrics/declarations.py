"""Which families of metrics there are: the metrics YAML, read and checked. Pure but for `load`, which runs in a thread.

TorchServe's format: the sections `ts_metrics` and `model_metrics`, in each `counter`, `gauge` and `histogram`, lists of
{name, unit, dimensions}. The last dimension of an entry in `ts_metrics` is the machine's name; an entry in
`model_metrics` gets it added as `Hostname`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from engine import plain_yaml
from engine.errors import SettingsError

BUNDLED = Path(__file__).parent / "metrics.yaml"
HOST_LABEL = "Hostname"
MAX_FILE_SIZE = 1024 * 1024

_FAMILY_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


class DeclarationError(Exception):
    """A declaration that cannot be used; the text says why."""


class Kind(StrEnum):
    """How the values of a family combine: they add up, replace each other, or are counted in buckets."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One family. `labels` are the names of its labels, the machine's name the last of them.

    Raises DeclarationError for a name that Prometheus does not allow.
    """

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the names."""
        if not _FAMILY_NAME.fullmatch(self.name):
            raise DeclarationError(f"{self.name!r} is no name for a metric: letters, digits, _ and : may stand there")
        for label in self.labels:
            if not _LABEL_NAME.fullmatch(label):
                raise DeclarationError(f"{label!r} is no name for a dimension: letters, digits and _ may stand there")
        if len(set(self.labels)) != len(self.labels):
            raise DeclarationError(f"{self.name} names a dimension twice: {', '.join(self.labels)}")


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """The families by name: `server` of Marina itself, `model` of the handlers.

    `model_section` is `model_metrics` as it stands in the file, for the workers.
    """

    path: Path
    server: dict[str, Declaration]
    model: dict[str, Declaration]
    model_section: dict[str, list[dict[str, Any]]]


def load(path: Path) -> MetricsConfig:
    """Read a metrics YAML; raises SettingsError that names the file, what is wrong, and the way out. Blocking."""
    try:
        with path.open("rb") as file:
            content = plain_yaml.load(file.read(MAX_FILE_SIZE))
        return parse(content, path)
    except OSError as error:
        problem = error.strerror or str(error)
    except RecursionError:
        problem = "it is nested too deeply"
    except (DeclarationError, ValueError, OverflowError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
    way_out = "Correct the file, or leave metrics_config out for the default."
    raise SettingsError(f"metrics_config: {path} cannot be used: {problem}. {way_out}")


def parse(content: Any, path: Path) -> MetricsConfig:
    """Return what a parsed YAML declares; raises DeclarationError in words."""
    if not isinstance(content, dict):
        raise DeclarationError("it holds no sections ts_metrics and model_metrics")
    server = _families(_section(content, "ts_metrics"), ())
    # TorchServe: no worker comes up without this section.
    model_section = _section(content, "model_metrics")
    model = _families(model_section, (HOST_LABEL,))
    if twice := server.keys() & model.keys():
        raise DeclarationError(
            f"{', '.join(sorted(twice))}: one name may not stand in both ts_metrics and model_metrics"
        )
    return MetricsConfig(path, server, model, model_section)


def _section(content: dict[str, Any], name: str) -> dict[str, list[dict[str, Any]]]:
    section = content.get(name) or {}
    if not isinstance(section, dict):
        raise DeclarationError(f"{name} is no mapping of counter, gauge and histogram")
    if strangers := section.keys() - set(Kind):
        raise DeclarationError(f"{name} holds {', '.join(map(str, strangers))}; there are counter, gauge and histogram")
    return {kind: _entries(f"{name}.{kind}", entries) for kind, entries in section.items()}


def _entries(where: str, entries: Any) -> list[dict[str, Any]]:
    if not isinstance(entries, list | None):
        raise DeclarationError(f"{where} is no list")
    return [_entry(where, entry) for entry in entries or ()]


def _entry(where: str, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise DeclarationError(f"an entry of {where} has no name")
    dimensions = entry.get("dimensions") or []
    if not isinstance(dimensions, list) or not all(isinstance(one, str) for one in dimensions):
        raise DeclarationError(f"the dimensions of {entry['name']} are no list of names")
    unit = entry.get("unit", "")
    if isinstance(unit, dict | list):
        raise DeclarationError(f"the unit of {entry['name']} is no text")
    return {"name": entry["name"], "unit": str(unit), "dimensions": dimensions}


def _families(section: dict[str, list[dict[str, Any]]], more_labels: tuple[str, ...]) -> dict[str, Declaration]:
    found: dict[str, Declaration] = {}
    for kind, entries in section.items():
        for entry in entries:
            if entry["name"] in found:
                raise DeclarationError(f"{entry['name']} is declared twice")
            labels = (*entry["dimensions"], *more_labels)
            found[entry["name"]] = Declaration(entry["name"], Kind(kind), entry["unit"], labels)
    return found
