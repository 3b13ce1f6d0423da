"""A stock handler: doubles the numbers of the body, explains them, and describes itself as a header asks."""

import json

from ts.torch_handler.base_handler import BaseHandler


class ExplainItself(BaseHandler):
    def initialize(self, context):
        self.context = context
        self.initialized = True

    def preprocess(self, data):
        return [row.get("data") or row.get("body") for row in data]

    def inference(self, data):
        return [[2 * number for number in row] for row in data]

    def postprocess(self, data):
        return data

    def explain_handle(self, data_preprocess, raw_data):
        return [{"explained": row, "raw": [sorted(row) for row in raw_data]} for row in data_preprocess]

    def describe_handle(self):
        return json.loads(self.context.get_request_header(0, "X-Describe") or "null")
