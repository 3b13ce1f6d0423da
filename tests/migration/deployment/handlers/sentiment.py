"""Labels texts by words, with labels from a file of the archive, and explains itself."""

import json
import os

from ts.torch_handler.base_handler import BaseHandler

GOOD = {"good", "great", "love"}


class Sentiment(BaseHandler):
    def initialize(self, context):
        folder = context.system_properties.get("model_dir")
        with open(os.path.join(folder, "index_to_name.json")) as file:
            self.labels = json.load(file)
        self.initialized = True

    def preprocess(self, data):
        texts = [row.get("data") or row.get("body") for row in data]
        return [text.decode() if isinstance(text, (bytes, bytearray)) else text for text in texts]

    def inference(self, data, *args, **kwargs):
        return [int(bool(GOOD & set(text.lower().split()))) for text in data]

    def postprocess(self, data):
        return [{"label": self.labels[str(index)]} for index in data]

    def explain_handle(self, data_preprocess, raw_data):
        return [[word for word in text.lower().split() if word in GOOD] for text in data_preprocess]
