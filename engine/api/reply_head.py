"""Whether HTTP can carry the status, the reason phrase and the headers that a handler chose. Pure.

A line end in one of them would end the head early: what follows it would be read as headers, a body or another answer.
"""

from __future__ import annotations

import re

from engine.serving.jobs import Reply

# RFC 9110: final answers have these; TorchServe: below 100 means that the handler set none.
NONE_SET, FIRST_FINAL, LAST = 100, 200, 999
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SHOWN = 60


def head_problem(reply: Reply) -> str:
    """Return what keeps the head of `reply` from being sent, in words for the client; "" when nothing does."""
    if NONE_SET <= reply.status < FIRST_FINAL or reply.status > LAST:
        return f"no answer has the status {reply.status}"
    if reply.phrase and _CONTROL.search(reply.phrase):
        return "its reason phrase holds a control character"
    for name, value in reply.headers.items():
        if not _TOKEN.fullmatch(name):
            return f"{ascii(name)[:_SHOWN]} is no name of a header"
        if _CONTROL.search(value):
            return f"its header {name[:_SHOWN]} holds a control character"
    return ""
