"""YAML that others wrote, as plain values: no objects, no loops, no aliases that grow without measure. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

_MAX_NODES = 100_000
# Brackets within brackets: the time that a bracket takes grows with how many are open.
_MAX_OPEN = 64
# Python refuses to write numbers of more than 4300 digits.
_MAX_BITS = 14_000


class PlainYamlError(ValueError):
    """A value that cannot be taken, with the line where it stands; the first line is 1."""

    def __init__(self, node: yaml.Node, reason: object) -> None:
        super().__init__(f"line {node.start_mark.line + 1}: {reason}")


class _Loader(yaml.SafeLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's signature
        try:
            value = super().construct_object(node, deep)
        except PlainYamlError:
            raise
        except (ValueError, OverflowError) as error:
            raise PlainYamlError(node, error) from error
        # Other notations than the decimal one have no limit of their own, and no text could show the number.
        if type(value) is int and value.bit_length() > _MAX_BITS:
            raise PlainYamlError(node, f"a number has more than {_MAX_BITS} bits")
        return value

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Join the halves of a character that two escapes stand for, as JSON writes them."""
        value = super().construct_scalar(node)
        if not isinstance(value, str) or value.isascii():
            return value
        try:
            return value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise PlainYamlError(node, "a text holds half of a character (a lone surrogate)") from None

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # noqa: N803 - PyYAML's names
        if self.flow_level >= _MAX_OPEN:
            line = self.get_mark().line + 1
            raise ValueError(f"line {line}: nested too deeply: more than {_MAX_OPEN} brackets are open")
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


def reason(error: Exception, text: str | bytes) -> str:
    """Return why `load` could not read the text, as one line that begins with the line in question if that is known."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"line {_line_of(error, text)}: unacceptable character {_character(error)}: {error.reason}"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        parts = (part for part in (error.context, error.problem) if part)
        found = " ".join(", ".join(parts).split())
        return f"line {mark.line + 1}: {found}" if mark else found
    return " ".join(str(error).split())


def _line_of(error: yaml.reader.ReaderError, text: str | bytes) -> int:
    before = text[: error.position]
    return 1 + (before.count(b"\n") if isinstance(before, bytes) else before.count("\n"))


def _character(error: yaml.reader.ReaderError) -> str:
    code = error.character[0] if isinstance(error.character, bytes) else error.character
    return f"{code:#04x}"


def _expanded_size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return how many nodes there are when each alias is written out; `sizes` remembers, 0 while still counting.

    Raises:
        ValueError: too many of them (billion laughs), a loop, or a key that comes twice.

    """
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise PlainYamlError(node, "an alias leads back to itself")
        return sizes[id(node)]
    sizes[id(node)] = 0
    size = 1 + sum(_expanded_size(child, sizes) for child in _children(node))
    if size > _MAX_NODES:
        raise PlainYamlError(node, "its aliases expand to too many values")
    sizes[id(node)] = size
    return size


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        keys = Counter((key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if keys and max(keys.values()) > 1:
            tag, name = keys.most_common(1)[0][0]
            twin = [key for key, _ in node.value if key.tag == tag and key.value == name][1]
            raise PlainYamlError(twin, f"the key {name!r} comes twice")
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
