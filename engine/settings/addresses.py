"""Addresses to listen on, as TorchServe writes them: `http://host[:port]`. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.%]+\]|[^\s\[\]:/?#@]+)(?::(?P<port>\d{1,5}))?/?", re.IGNORECASE
)
_LAST_PORT = 65535


class Address(NamedTuple):
    """Where a listener stands. An IPv6 host comes without brackets; port 0 takes any free one."""

    scheme: str
    host: str
    port: int

    @property
    def url_host(self) -> str:
        """The host as URLs write it."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every address of this machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def __str__(self) -> str:
        """Return the address as a URL without path."""
        return f"{self.scheme}://{self.url_host}:{self.port}"


def parser(default_ports: dict[str, int]) -> Callable[[str], Address]:
    """Return a reader of one listener's address; `default_ports` maps the scheme to the port that may be left out."""

    def parse(text: str) -> Address:
        if text.startswith("unix:"):
            raise ValueError("unix sockets are not available yet; write it like http://127.0.0.1:8080")
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise ValueError("it is no address; write it like http://127.0.0.1:8080")
        scheme = match["scheme"].lower()
        port = int(match["port"] or default_ports[scheme])
        if port > _LAST_PORT:
            raise ValueError(f"a port is a number from 0 to {_LAST_PORT}")
        return Address(scheme, match["host"].strip("[]"), port)

    return parse
