"""A network of the archive's own class and weights, on JSON lists of numbers."""

import torch

from ts.torch_handler.base_handler import BaseHandler


class Regressor(BaseHandler):
    def preprocess(self, data):
        rows = [row.get("data") or row.get("body") for row in data]
        return torch.as_tensor(rows, dtype=torch.float32, device=self.device)

    def postprocess(self, data):
        return [[round(value, 4) for value in row] for row in data.tolist()]
