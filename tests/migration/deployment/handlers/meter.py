"""Counts its requests in a metric that metrics.yaml declares."""


def handle(data, context):
    if data is None:
        return None
    context.metrics.add_counter("OrdersSeen", len(data))
    return ["counted"] * len(data)
