"""Text without the secrets that addresses, queries and log lines may hold. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

MASK = "***"
_IN_ADDRESS = re.compile(r"(\w://)[^/@\s\"']+@")
_QUERY = re.compile(r"(\w://[^\s?\"']+\?)[^\s\"']+")
_BEARER = re.compile(r"((?:bearer|token)[\"']?[ :=]+)[\"']?[\w.~+/=-]{8,}", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(r"sig|token|secret|passw|credential", re.IGNORECASE)


def masked(text: str) -> str:
    """Return the text without passwords, signatures and tokens that addresses and log lines may hold."""
    text = _IN_ADDRESS.sub(rf"\1{MASK}@", text)
    text = _QUERY.sub(rf"\1{MASK}", text)
    return _BEARER.sub(rf"\1{MASK}", text)


def masked_target(target: str) -> str:
    """Return the target of a request without the secrets in its query, those of addresses in parameters included."""
    path, mark, query = target.partition("?")
    return path + mark + "&".join(map(_masked_parameter, query.split("&")))


def _masked_parameter(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if equals and _SECRET_PARAMETER.search(name):
        return f"{name}={MASK}"
    text = unquote(value)
    return f"{name}={quote(masked(text), safe=':/?@*.,+-')}" if "://" in text else pair
