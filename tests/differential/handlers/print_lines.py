"""Prints what the body says, to both streams, and fails for the body b"fail"."""

import sys


def handle(data, context):
    if data is None:
        return None
    for row in data:
        text = row["body"]
        text = text if isinstance(text, str) else bytes(text).decode()
        print("out", text)
        print("err", text, file=sys.stderr)
        if text == "fail":
            raise ValueError("a bad\nrequest")
    return ["ok"] * len(data)
