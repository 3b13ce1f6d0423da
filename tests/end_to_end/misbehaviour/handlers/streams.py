"""Sends its answer in parts, without end or with a bad one; the request's body says how."""

from __future__ import annotations

import os
import time
from typing import Any

from ts.handler_utils.utils import send_intermediate_predict_response


def handle(data: Any, context: Any) -> Any:
    if not data:
        return None
    order = data[0]["body"].decode()
    if order == "well":
        return ["well"]

    def send(piece: Any) -> None:
        send_intermediate_predict_response([piece], context.request_ids, "Intermediate", 200, context)

    if order == "a bad head":
        context.set_response_header(0, "x-evil", "a\r\nset-cookie: b")
    send("first ")
    if order == "raises":
        raise ValueError("half way")
    if order == "dies":
        os._exit(4)
    if order == "stops":
        time.sleep(600)
    while order == "no end":
        send("x" * 10_000)
    return ["last"]
