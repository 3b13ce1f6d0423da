"""Families as Prometheus' text format 0.0.4, exactly as TorchServe writes it. Pure.

The text of `prometheus_client` itself renames counters to `_total` and sorts the labels; TorchServe does neither, and
writes a comma after the last label.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_IN_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})
_IN_LABEL = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def exposition(families: Iterable[Metric]) -> bytes:
    """Return the families as text, each with its HELP and TYPE even when it has no sample."""
    return "".join(line for family in families for line in _lines(family)).encode()


def _lines(family: Metric) -> Iterable[str]:
    yield f"# HELP {family.name} {family.documentation.translate(_IN_HELP)}\n"
    yield f"# TYPE {family.name} {family.type}\n"
    for sample in family.samples:
        value = floatToGoString(sample.value)  # type: ignore[no-untyped-call]  # the library's lack
        yield f"{sample.name}{_labels(sample)} {value}\n"


def _labels(sample: Sample) -> str:
    if not sample.labels:
        return ""
    pairs = [f'{name}="{value.translate(_IN_LABEL)}",' for name, value in sample.labels.items()]
    return f"{{{''.join(pairs)}}}"
