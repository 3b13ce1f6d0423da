"""Answers each body with itself."""


def handle(data, context):
    return None if data is None else [row.get("data") or row.get("body") for row in data]
