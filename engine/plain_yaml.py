"""YAML that others wrote, as plain values: no objects, no loops, no aliases that grow without measure. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

_MAX_NODES = 100_000
# Brackets within brackets: the time that a bracket takes grows with how many are open.
_MAX_OPEN = 64


class _Loader(yaml.SafeLoader):
    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # noqa: N803 - PyYAML's names
        if self.flow_level >= _MAX_OPEN:
            raise ValueError(f"nested too deeply: more than {_MAX_OPEN} brackets are open")
        super().fetch_flow_collection_start(TokenClass)


def load(text: str | bytes) -> Any:
    """Return what the text says, an empty mapping when it is empty, after its node graph was looked through.

    Raises:
        yaml.YAMLError: it is no YAML, or holds more than plain values.
        ValueError, OverflowError: a value cannot be read, a key comes twice, or aliases loop or expand to too much.
        RecursionError: it is nested too deeply.

    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}
        _expanded_size(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _expanded_size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return how many nodes there are when each alias is written out; `sizes` remembers, 0 while still counting.

    Raises:
        ValueError: too many of them (billion laughs), a loop, or a key that comes twice.

    """
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise ValueError("an alias leads back to itself")
        return sizes[id(node)]
    sizes[id(node)] = 0
    size = 1 + sum(_expanded_size(child, sizes) for child in _children(node))
    if size > _MAX_NODES:
        raise ValueError("its aliases expand to too many values")
    sizes[id(node)] = size
    return size


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        keys = Counter((key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if keys and max(keys.values()) > 1:
            raise ValueError(f"the key {keys.most_common(1)[0][0][1]!r} comes twice")
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
