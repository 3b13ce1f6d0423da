"""Does what the input `data` asks for; the answer shows the inputs."""

from ts.handler_utils.utils import send_intermediate_predict_response
from ts.utils.util import PredictionException


def handle(data, context):
    if data is None:
        return None
    wish, _, rest = bytes(data[0].get("data") or b"").decode().partition(" ")
    if wish == "status":
        raise PredictionException("refused by hand", int(rest))
    if wish == "raise":
        raise ValueError("oops")
    if wish == "set":
        context.set_response_status(404, "nope", 0)
        context.set_response_header(0, "x-mine", "1")
    if wish in ("parts", "half"):
        for number in range(3):
            send_intermediate_predict_response([f"part {number}"], context.request_ids, "more", 200, context)
    if wish == "half":
        raise PredictionException("half way", 418)
    shown = sorted((name, type(value).__name__, bytes(value)) for name, value in data[0].items())
    return [repr(shown)]
