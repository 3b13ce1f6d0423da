"""Handler of the sample model: the image of one handwritten digit in, the digit out. Runs in the worker process.

Body (or the form field `data`): an image file of any size. Answer: `{"digit": 7, "confidence": 0.998}`.
"""

from typing import Any

import torch
from digits_image import INK, read_digit

from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import PredictionException


class DigitsHandler(BaseHandler):
    """Loading, device and inference are BaseHandler's."""

    def preprocess(self, data: list[dict[str, Any]]) -> torch.Tensor:
        """A batch of shape (requests, 1, 8, 8) between 0 and 1; raises PredictionException (400) for a bad body."""
        digits = [image_of(row.get("data") or row.get("body")) for row in data]
        return torch.stack(digits).unsqueeze(1).to(self.device) / INK

    def postprocess(self, data: torch.Tensor) -> list[dict[str, int | float]]:
        """One digit with its probability per request."""
        best = data.softmax(dim=1).max(dim=1)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [{"digit": digit, "confidence": round(confidence, 3)} for digit, confidence in pairs]


def image_of(body: object) -> torch.Tensor:
    """The digit in one request's body."""
    if not isinstance(body, (bytes, bytearray)):
        raise PredictionException("the body must be an image file, sent as it is: curl -T seven.png URL", 400)
    try:
        return read_digit(body)
    except ValueError as error:
        raise PredictionException(str(error), 400) from error
