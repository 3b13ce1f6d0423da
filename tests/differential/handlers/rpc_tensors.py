"""Answers KServe v2's inputs with outputs of the same content, or something odd when the id says so."""

import json


def handle(data, context):
    if data is None:
        return None
    body = data[0]["body"]
    if isinstance(body, (bytes, bytearray)):
        body = json.loads(body)
    if body["id"] == "odd":
        return ["odd"]
    outputs = [{key: one[key] for key in ("name", "datatype", "shape", "data")} for one in body["inputs"]]
    return [{"id": body["id"], "model_name": body["model_name"], "model_version": "1.0", "outputs": outputs}]
