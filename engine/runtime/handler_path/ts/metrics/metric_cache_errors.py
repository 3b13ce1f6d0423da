"""What can go wrong when metrics are declared or looked up."""

from __future__ import annotations


class MetricsCacheTypeError(Exception):
    """An argument has the wrong type."""


class MetricsCacheKeyError(Exception):
    """There is no such metric."""


class MetricsCachePyYamlError(Exception):
    """The file that declares metrics is no YAML."""


class MetricsCacheValueError(Exception):
    """An argument has a value that is not allowed, such as an unknown unit."""
