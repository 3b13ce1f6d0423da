"""Raises what the JSON body names."""

import json
import os

from ts.utils.util import PredictionException


class Unusual(Exception):
    def __str__(self):
        return "unusual, CUDA"


class Quota(PredictionException):
    pass


def raise_it(wish):
    kind, message = wish["raise"], wish.get("message", "")
    if kind == "prediction":
        raise PredictionException(message, wish["code"])
    if kind == "prediction without a code":
        raise PredictionException(message)
    if kind == "prediction of a subclass":
        raise Quota(message, wish["code"])
    if kind == "json":
        json.loads("{")
    if kind == "recursion":
        raise_it(wish)
    if kind == "unusual":
        raise Unusual
    if kind == "cause":
        try:
            raise KeyError(message)
        except KeyError as error:
            raise RuntimeError("CUDA" if message == "CUDA" else "other") from error
    if kind == "exit":
        raise SystemExit(message)
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "gone":
        os._exit(wish["code"])
    raise getattr(__import__("builtins"), kind)(message)


def handle(data, context):
    if data is None:
        return None
    for row in data:
        raise_it(row["body"])
    return ["not raised"] * len(data)
