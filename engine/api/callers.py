"""Which pages and programs may call, by what a request says of itself. Pure.

A program on this machine may call; a page in a browser may not, unless the settings list it. A page cannot choose its
`Host`, `Origin` and `Sec-Fetch-Site`: the browser writes them. A name that an attacker makes resolve to this machine
(DNS rebinding) stands in `Host`, so only known names are accepted; that `Origin` and `Host` are equal proves nothing.

A known name is accepted with any port, since tunnels, containers and proxies change the port and only a name can be
rebound. A page of another port is refused by its `Origin`. Every browser sends `Host`.
"""

from __future__ import annotations

import ipaddress
import re
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
_LAST_PORT = 65535
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s:@/\[\]]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)


class Callers:
    """Who may call one listener; `refusal` is asked for each request."""

    def __init__(self, settings: Settings, address: Address) -> None:
        """`address` is where the listener really stands, with the port that it has."""
        self._any_host = ANY in settings.allowed_hosts
        self._any_literal = not self._any_host and address.is_wildcard
        self._loopback = address.is_loopback or address.is_wildcard
        own = LOOPBACK if self._loopback else ()
        names = (*own, address.url_host.lower(), *settings.allowed_hosts)
        # Names that are accepted with any port, and the ones that a setting gives a port.
        self._names = frozenset(name for name in names if not _has_port(name))
        self._hosts = frozenset(_with_port(name, address.port) for name in names)
        origin = settings.cors_allowed_origin or ""
        self._any_origin = origin == ANY
        self._origins = {f"{address.scheme}://{host}" for host in self._hosts} | ({origin.lower()} if origin else set())

    def refusal(self, url: str, headers: Mapping[str, str], *, needs_host: bool = True) -> str:
        """Return "", or why the request is refused and which setting would accept it; `url` is its target as sent.

        Without `needs_host` the header may be missing: HTTP/1.0 does not know it, and no browser speaks that.
        """
        host = headers.get("Host", "")
        if host in self._hosts and url.startswith("/") and "Origin" not in headers and "Sec-Fetch-Site" not in headers:
            return ""
        may_be_missing = not needs_host and "Host" not in headers
        host_refusal = "" if may_be_missing else self._host_refusal(host)
        return host_refusal or self._target_refusal(url, host) or self._page_refusal(headers)

    def page_refusal(self, headers: Mapping[str, str]) -> str:
        """Return "", or why a call of a page goes no further: all that is known of gRPC's calls.

        Each of them is a POST, in which every browser says its origin.
        """
        return self._page_refusal(headers)

    def _host_refusal(self, host: str) -> str:
        if self._any_host or self._is_known(host.lower()):
            return ""
        return (
            f"Host {_shown(host)} is not in allowed_hosts. If the name is yours, add it to that setting in the "
            "configuration and start Marina again."
        )

    def _is_known(self, host: str) -> bool:
        """Whether the host is one of this listener's own, or an IP address that no name server can have a say in."""
        found = _HOST.fullmatch(host)
        if found is None or int(found["port"] or 0) > _LAST_PORT:
            return False
        return host in self._hosts or found["name"] in self._names or self._is_own_literal(found["name"])

    def _is_own_literal(self, name: str) -> bool:
        try:
            address = ipaddress.ip_address(name.strip("[]") if name.startswith("[") == (":" in name) else "")
        except ValueError:
            return False
        if getattr(address, "ipv4_mapped", None) is not None or address.is_unspecified:
            return False
        return self._any_literal or (self._loopback and address.is_loopback)

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


def _has_port(name: str) -> bool:
    return name.rpartition("]")[2].count(":") == 1


def _with_port(name: str, port: int) -> str:
    """Return a host as `Host` says it; a name in the setting may bring a port of its own."""
    return name if _has_port(name) or name == ANY else f"{name}:{port}"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")
