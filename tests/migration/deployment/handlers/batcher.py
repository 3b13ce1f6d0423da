"""Answers each request with the size of its batch."""


def handle(data, context):
    if data is None:
        return None
    return [str(len(data))] * len(data)
