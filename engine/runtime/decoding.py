"""From the inputs of a job to the dict and the headers that a handler sees. Pure, but for a warning in the log."""

from __future__ import annotations

import json
import logging
from typing import Any

logger = logging.getLogger(__name__)


def decode_rows(jobs: list[dict[str, Any]], body: bytearray, *, decode: bool) -> list[dict[str, Any]]:
    """Return one dict per job, name to value; of inputs with the same name the last wins.

    `body` holds every input of every job, one after the other. With `decode` false values stay bytearrays.
    """
    if len(jobs) == 1 and len(jobs[0]["inputs"]) == 1:
        # By far the most common frame: its body is the value, and needs no copy.
        name, content_type, _ = jobs[0]["inputs"][0]
        return [{name: decode_value(content_type, body) if decode else body}]
    rows = []
    start = 0
    for job in jobs:
        row: dict[str, Any] = {}
        for name, content_type, length in job["inputs"]:
            value = body[start : start + length]
            row[name] = decode_value(content_type, value) if decode else value
            start += length
        rows.append(row)
    return rows


def decode_value(content_type: str, value: bytearray) -> Any:
    """Return JSON as Python values, text as str, anything else (and what fails to decode) as the bytearray it is.

    TorchServe: "application/json" must match exactly and text types by their beginning, both case-sensitively, once
    parameters such as the charset are cut off; text is always UTF-8.
    """
    media_type = content_type.partition(";")[0]
    try:
        if media_type == "application/json":
            return json.loads(value.decode())
        if media_type.startswith("text"):
            return value.decode()
    except (ValueError, RecursionError) as error:
        logger.warning("An input of type %s stays undecoded: %s", media_type, error)
    return value


def header_view(job: dict[str, Any]) -> dict[str, Any]:
    """Return the job's headers as handlers read them, with one entry per input: name to {"content-type": ...}.

    TorchServe: that type has no parameters, and a header of the same name hides the input's entry.
    """
    view: dict[str, Any] = {name: {"content-type": kind.partition(";")[0]} for name, kind, _ in job["inputs"]}
    view.update(job["headers"])
    return view
