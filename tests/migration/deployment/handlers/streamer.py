"""Streams three pieces."""

from ts.handler_utils.utils import send_intermediate_predict_response


def handle(data, context):
    if data is None:
        return None
    for number in range(2):
        send_intermediate_predict_response(
            [f"piece {number};"] * len(data), context.request_ids, "Intermediate Prediction success", 200, context
        )
    return ["end"] * len(data)
