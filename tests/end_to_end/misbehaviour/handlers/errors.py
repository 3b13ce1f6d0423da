"""Raises; the request's body says what."""

from __future__ import annotations

import resource
from typing import Any

from ts.utils.util import PredictionException


class Mute(Exception):  # noqa: N818 - a handler's own
    def __str__(self) -> str:
        raise ValueError("no text")


class Nameless(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise ValueError("no name")
        return super().__getattribute__(name)


class Hidden(Exception, metaclass=Nameless):  # noqa: N818 - a handler's own
    pass


class MuteCode(PredictionException):
    def __init__(self) -> None:  # leaves its parent's attributes unset
        pass


class Fatal(BaseException):
    pass


def endless(depth: int = 0) -> int:
    return endless(depth + 1) + 1


def devour() -> list[bytearray]:
    """Take memory in small pieces until there is none; then what is needed to tell of it is missing as well."""
    resource.setrlimit(resource.RLIMIT_AS, (600_000_000, resource.RLIM_INFINITY))
    try:
        taken = []
        while True:
            taken.append(bytearray(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def devour_for_good() -> list[bytes]:
    resource.setrlimit(resource.RLIMIT_AS, (300_000_000, 300_000_000))
    taken = []
    while True:
        taken.append(bytes(100))


def fail(order: str) -> None:
    if order == "memory":
        raise MemoryError
    if order == "all memory":
        devour()
    if order == "all memory for good":
        devour_for_good()
    if order == "recursion":
        endless()
    if order == "long":
        raise ValueError("x" * 50_000_000)
    if order == "surrogates":
        raise PredictionException("half \ud800", 420)
    if order == "base":
        raise Fatal("not an Exception")
    if order == "interrupt":
        raise KeyboardInterrupt
    if order in RAISED:
        raise RAISED[order]


RAISED: dict[str, type[Exception]] = {"mute": Mute, "nameless": Hidden, "mute code": MuteCode, "plain": ValueError}


def handle(data: Any, _context: Any) -> Any:
    if data:
        fail(data[0]["body"].decode())
    return ["well"] if data else None
