"""Answers at once: what is left is the server."""


def handle(data, context):
    return None if data is None else ["OK"] * len(data)
