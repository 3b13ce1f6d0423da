"""Returns the kind of value that the JSON body names, made from the number in it."""

import collections
import datetime
import decimal
import enum
import json

import torch

Point = collections.namedtuple("Point", "x y")


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    pass


class Row(dict):
    pass


VALUES = {
    "text": lambda n: f"text {n}",
    "unicode": lambda n: f"naïve 日本語 ✓ {n}",
    "text of a subclass": lambda n: Text(f"text {n}"),
    "empty text": lambda n: "",
    "long text": lambda n: "x" * (n * 1000),
    "lone surrogate": lambda n: "\ud800",
    "bytes": lambda n: bytes([n % 256]) * n,
    "bytearray": lambda n: bytearray([n % 256]) * n,
    "memoryview": lambda n: memoryview(b"abc"),
    "empty bytes": lambda n: b"",
    "integer": lambda n: n,
    "huge integer": lambda n: 10**30 + n,
    "float": lambda n: n / 7,
    "whole float": lambda n: float(n),
    "true": lambda n: True,
    "false": lambda n: False,
    "none": lambda n: None,
    "list": lambda n: list(range(n % 20)),
    "nested": lambda n: {"b": [1, {"c": [None, False, {}]}], "a": [], "é": "ü"},
    "empty list": lambda n: [],
    "empty dict": lambda n: {},
    "dict with numbers as keys": lambda n: {1: "a", 2.5: "b", None: "c", True: "d"},
    "dict with tuples as keys": lambda n: {(1, 2): "a"},
    "dict of a subclass": lambda n: Row(a=n),
    "ordered dict": lambda n: collections.OrderedDict(b=1, a=2),
    "tuple": lambda n: (n, "b"),
    "named tuple": lambda n: Point(1, 2),
    "enum": lambda n: Colour.RED,
    "nan": lambda n: float("nan"),
    "infinity": lambda n: [float("inf"), float("-inf")],
    "tensor": lambda n: torch.arange(n % 50),
    "float tensor": lambda n: torch.ones(2, 3) / 3,
    "scalar tensor": lambda n: torch.tensor(n),
    "parameter": lambda n: torch.nn.Parameter(torch.ones(2)),
    "tensor in a list": lambda n: [torch.ones(1)],
    "tensor in a dict": lambda n: {"t": torch.ones(1)},
    "set": lambda n: {1, 2},
    "date": lambda n: datetime.date(2020, 1, 1),
    "decimal": lambda n: decimal.Decimal("1.5"),
    "object": lambda n: object(),
    "type": lambda n: int,
    "json text": lambda n: json.dumps({"n": n}),
    "complex": lambda n: 1j,
    "generator": lambda n: (i for i in range(3)),
    "range": lambda n: range(3),
}


def handle(data, context):
    if data is None:
        return None
    return [VALUES[row["body"]["value"]](row["body"]["number"]) for row in data]
