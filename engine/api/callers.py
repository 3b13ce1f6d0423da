"""Which pages and programs may call, by what a request says of itself. Pure.

A program on this machine may call; a page in a browser may not, unless the settings list it. A page cannot choose its
`Host`, `Origin` and `Sec-Fetch-Site`: the browser writes them. A name that an attacker makes resolve to this machine
(DNS rebinding) stands in `Host`, so only known names are let in; that `Origin` and `Host` are equal proves nothing.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.settings import Address, Settings

ANY = "*"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# What a browser says of requests that no other site began: a typed address, a page of this very server.
OWN_SITES = ("none", "same-origin")
LONGEST_SHOWN = 100
_PORT_LEFT_OUT = 80  # by clients, in Host


class Callers:
    """Who may call one listener; `refusal` is asked for each request."""

    def __init__(self, settings: Settings, address: Address) -> None:
        """`address` is where the listener really stands, with the port that it has."""
        self._port = address.port
        self._any_host = ANY in settings.allowed_hosts
        self._any_literal = not self._any_host and address.is_wildcard
        own = LOOPBACK if address.is_loopback or address.is_wildcard else ()
        names = (*own, address.url_host.lower(), *settings.allowed_hosts)
        self._hosts = frozenset(_with_port(name, address.port) for name in names)
        if address.port == _PORT_LEFT_OUT:
            self._hosts |= set(names)
        origin = settings.cors_allowed_origin or ""
        self._any_origin = origin == ANY
        self._origins = {f"{address.scheme}://{host}" for host in self._hosts} | ({origin.lower()} if origin else set())

    def refusal(self, url: str, headers: Mapping[str, str]) -> str:
        """Return "", or why the request goes no further and which setting would let it; `url` is its target as sent."""
        host = headers.get("Host", "")
        if host in self._hosts and url.startswith("/") and "Origin" not in headers and "Sec-Fetch-Site" not in headers:
            return ""
        return self._host_refusal(host) or self._target_refusal(url, host) or self._page_refusal(headers)

    def page_refusal(self, headers: Mapping[str, str]) -> str:
        """Return "", or why a call of a page goes no further: all that is known of gRPC's calls.

        Each of them is a POST, in which every browser says its origin.
        """
        return self._page_refusal(headers)

    def _host_refusal(self, host: str) -> str:
        if self._any_host or host.lower() in self._hosts or (self._any_literal and self._is_literal(host)):
            return ""
        return (
            f"Host {_shown(host)} is not in allowed_hosts. If the name is yours, add it to that setting in the "
            "configuration and start Marina again."
        )

    def _is_literal(self, host: str) -> bool:
        """Whether the host is an IP address with this port, which no name server can have a say in."""
        name, _, port = host.rpartition(":")
        try:
            ipaddress.ip_address(name.strip("[]") if name.startswith("[") == (":" in name) else "")
        except ValueError:
            return False
        return port == str(self._port)

    def _target_refusal(self, url: str, host: str) -> str:
        """Return why a request goes no further that names another server in its first line than in `Host`."""
        if url.startswith("/") or url == "*":
            return ""
        if URL(url).host_subcomponent and url.lower().split("://", 1)[-1].split("/", 1)[0] == host.lower():
            return ""
        return f"The request is for {_shown(url)} by its first line and for {_shown(host)} by its Host header."

    def _page_refusal(self, headers: Mapping[str, str]) -> str:
        origin = headers.get("Origin")
        if self._any_origin or (origin is not None and origin.lower() in self._origins):
            return ""
        if origin is not None:
            return f"Pages of the origin {_shown(origin)} may not call. The setting cors_allowed_origin would let them."
        site = headers.get("Sec-Fetch-Site", OWN_SITES[0])
        if site in OWN_SITES:
            return ""
        return f"A page of another site may not call (Sec-Fetch-Site {_shown(site)}). Call from a program instead."


def _with_port(name: str, port: int) -> str:
    """Return a host as `Host` says it; a name in the setting may bring a port of its own."""
    has_port = name.rpartition("]")[2].count(":") == 1
    return name if has_port or name == ANY else f"{name}:{port}"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")
