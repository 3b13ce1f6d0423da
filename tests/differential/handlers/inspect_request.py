"""Reports everything that a handler is given with one request: inputs, their types and values, and headers."""

import hashlib


def shown(value):
    if isinstance(value, (bytes, bytearray)):
        value = value.decode("latin-1")
    if isinstance(value, str) and len(value) > 1000:
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        return {"length": len(value), "sha256": digest}
    return value


def report(index, row, context):
    headers = context.get_all_request_header(index)
    return {
        "inputs": [[name, type(value).__name__, shown(value)] for name, value in row.items()],
        "headers": sorted([name, type(value).__name__, value] for name, value in headers.items()),
        "id": context.get_request_id(index),
        "sequence": context.get_sequence_id(index),
        "model": context.model_name,
        "version": context.manifest["model"]["modelVersion"],
        "config": context.model_yaml_config,
        "batch": context.system_properties["batch_size"],
        "gpu": context.system_properties["gpu_id"],
    }


def handle(data, context):
    if data is None:
        return None
    return [report(index, row, context) for index, row in enumerate(data)]
