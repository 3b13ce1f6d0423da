"""Sets a status, a reason phrase or a header that HTTP cannot carry; the request's body says which, as JSON."""

from __future__ import annotations

import json
from typing import Any


def handle(data: Any, context: Any) -> Any:
    if not data:
        return None
    for index, row in enumerate(data):
        wanted = json.loads(row["body"])
        for name, value in wanted.get("headers", {}).items():
            context.set_response_header(index, name, value)
        if "status" in wanted:
            context.set_response_status(wanted["status"], wanted.get("phrase", ""), index)
    return ["well"] * len(data)
