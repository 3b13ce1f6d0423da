"""Refuses what it cannot use with a status of its own, and sets headers."""

from ts.utils.util import PredictionException


def handle(data, context):
    if data is None:
        return None
    for row in data:
        if (row.get("data") or row.get("body")) in (None, b"", b"bad"):
            raise PredictionException("Send another word.", 418)
    for index in range(len(data)):
        context.set_response_header(index, "x-chosen", "yes")
        context.set_response_content_type(index, "text/plain")
    return ["chosen"] * len(data)
