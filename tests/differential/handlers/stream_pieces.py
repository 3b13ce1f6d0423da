"""Streams the pieces that the JSON body lists, then a last word; may set headers before, or fail on the way."""

from ts.handler_utils.utils import send_intermediate_predict_response


def handle(data, context):
    if data is None:
        return None
    wish = data[0]["body"]
    if "content_type" in wish:
        context.set_response_content_type(0, wish["content_type"])
    for name, value in wish.get("headers", []):
        context.set_response_header(0, name, value)
    if "status" in wish:
        context.set_response_status(wish["status"], wish.get("reason", ""), 0)
    for piece in wish["pieces"]:
        send_intermediate_predict_response([piece], context.request_ids, "more to come", 200, context)
    if wish.get("fails"):
        raise ValueError("half way")
    return [wish["last"]]
