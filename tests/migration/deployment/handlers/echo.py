"""Answers with what came."""


def handle(data, context):
    if data is None:
        return None
    return [bytes(row.get("data") or row.get("body") or b"") for row in data]
