"""The way to a host: judged addresses, proxy, certificates, one client for each request. On the loop.

Who is connected to is decided here and once: the address that was judged is the one that is connected to. Through a
proxy that cannot be held, since the proxy looks names up by itself; whoever set one has chosen who decides.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from engine.archives.progress import CHUNK
from engine.archives.proxies import Proxy, proxy_for
from engine.archives.urls import Source, is_public, judge, not_public
from engine.deadlines import time_limit
from engine.errors import ArchiveNotFoundError

if TYPE_CHECKING:
    from engine.threads import Threads

Lookup = Callable[[str, int], Awaitable[list[str]]]

# Seconds: until connected, without a byte, and to look up a host that a proxy will look up anyway.
CONNECT_SECONDS = 30.0
SILENCE_SECONDS = 60.0
LOOK_SECONDS = 5.0
# The archive as it lies there: what is compressed on the way could grow without end.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "Marina"}


class UnreachableError(OSError):
    """Nobody answers there now; a moment later somebody may."""


@dataclass(frozen=True, slots=True)
class Route:
    """The addresses to connect to, of the host or of the `proxy`; `context` says whose certificates are believed."""

    addresses: list[str]
    proxy: Proxy | None = None
    context: ssl.SSLContext | None = None

    @property
    def own_headers(self) -> dict[str, str]:
        """What the request itself says to a proxy, which reads it unless there is TLS inside."""
        return self.proxy.headers if self.proxy and self.context is None else {}

    @property
    def proxy_headers(self) -> dict[str, str] | None:
        """What a proxy is told when it is asked for a connection to pass on."""
        return self.proxy.headers if self.proxy else None


class Routes:
    """Finds the way to sources, and judges where redirects lead as if that had been asked for."""

    def __init__(self, allowed: tuple[str, ...] | None, threads: Threads, lookup: Lookup | None = None) -> None:
        """`lookup(host, port)` replaces how the addresses of a host are found."""
        self._allowed = allowed
        self._threads = threads
        self._lookup = lookup or look_up

    async def to(self, source: Source) -> Route:
        """Return how to reach `source`.

        Raises ArchiveNotFoundError when one of its addresses is not public but must be, UnreachableError and OSError.
        """
        url, proxy = source.parsed, proxy_for(source.parsed)
        addresses = await self._addresses(url.host or "", url.port or 0, LOOK_SECONDS if proxy else CONNECT_SECONDS)
        if source.public_only and not all(is_public(address) for address in addresses):
            raise not_public(source.url)
        if proxy:
            addresses = await self._addresses(proxy.url.host or "", proxy.url.port or 0, CONNECT_SECONDS)
        if not addresses:
            raise UnreachableError(f"the host {(proxy.url if proxy else url).host} is unknown")
        # Reading the system's certificates takes some hundredths of a second. OpenSSL: SSL_CERT_FILE names others.
        context = await self._threads.run(ssl.create_default_context) if url.scheme == "https" else None
        return Route(addresses, proxy, context)

    async def follow(self, hop: Source, location: str) -> Source:
        """Return where a redirect leads; raises OSError: what is refused there is no concern of the caller's."""
        try:
            following = judge(urljoin(str(hop.parsed), location), self._allowed)
        except (ArchiveNotFoundError, ValueError) as error:
            raise OSError(f"a redirect that is refused: {error}") from error
        if following.parsed.scheme not in {hop.parsed.scheme, "https"}:
            raise OSError(f"a redirect from {hop.parsed.scheme} to {following.parsed.scheme}")
        return following

    async def _addresses(self, host: str, port: int, seconds: float) -> list[str]:
        """Return the addresses of a host, none when it is unknown here."""
        try:
            async with time_limit(seconds):
                return await self._lookup(host, port)
        except OSError:
            return []


class Checked(AbstractResolver):
    """Answers with the addresses that were judged, so that no other answer of a name server is ever connected to."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return every address that was judged."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    @override
    async def close(self) -> None:
        """Nothing is open."""


def open_session(route: Route) -> ClientSession:
    """Return a client for one request: no cookies, no .netrc, nothing unpacked, certificates checked."""
    return ClientSession(
        connector=TCPConnector(
            resolver=Checked(route.addresses), use_dns_cache=False, force_close=True, ssl=route.context or True
        ),
        timeout=ClientTimeout(None, CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
        headers={**_HEADERS, **route.own_headers},
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        proxy=route.proxy.url if route.proxy else None,
        read_bufsize=CHUNK,
    )


async def look_up(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host; raises OSError.

    In a thread of its own: a name server that does not answer holds up neither the disk nor Marina's end.
    """
    found: Future[list[str]] = Future()
    found.set_running_or_notify_cancel()

    def work() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            found.set_exception(OSError(f"the host {host} is unknown: {error}"))
        else:
            found.set_result([str(info[4][0]) for info in infos])

    threading.Thread(target=work, name=f"look up {host}", daemon=True).start()
    return await asyncio.wrap_future(found)
