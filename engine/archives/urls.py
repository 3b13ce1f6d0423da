"""Which URLs an archive may be fetched from, and what it is called then. Pure.

Without the setting `allowed_urls`: http, https and s3, and whoever connects asks `is_public` about every address. The
setting is taken literally, as TorchServe does, and then opens this machine and its networks wherever it matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

from yarl import URL  # aiohttp's own: what is judged is what it will connect to

from engine.archives import names
from engine.errors import ArchiveNotFoundError

_REMOTE = re.compile(r"(https?|file|s3)://", re.IGNORECASE)
_AMBIGUOUS = re.compile(r"[\\\s]")
_USER = re.compile(r"//[^/?#]*@")
# What a pattern that reaches this machine or its networks looks like, and what one for everything matches.
_LOCAL = re.compile(r"file:|localhost|::|\b(127|10|192|172|169)\b")
_SAMPLES = ("file:///x.mar", "http://127.0.0.1/x.mar", "https://127.0.0.1/x.mar")
# Addresses through which a network reaches IPv4: the IPv4 address is their end (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Source:
    """A URL that may be fetched. `url` is as given; with `public_only` it must lead to public addresses."""

    url: str
    parsed: URL
    public_only: bool

    @property
    def is_file(self) -> bool:
        """Whether it names a file of this machine."""
        return self.parsed.scheme == "file"


def is_remote(url: str) -> bool:
    """Whether a registration's `url` is fetched into the model store, which then holds it for that version alone."""
    return _REMOTE.match(url) is not None


def shown(url: str) -> str:
    """Return what may be shown of a registration's `url`: a query, a fragment or a user may hold a secret."""
    if not is_remote(url):
        return names.printable(url)
    return names.printable(_USER.sub("//", re.split(r"[?#]", url, maxsplit=1)[0]))


def judge(url: str, allowed: tuple[str, ...] | None) -> Source:
    """Return the parsed URL when `allowed` lets it be fetched; None stands for the default rule.

    TorchServe: one pattern must match the whole of the URL as it was given, in any case.

    Raises:
        ArchiveNotFoundError: it is not allowed, or hides where it leads; the text says why.

    """
    if ".." in unquote(url):
        raise ArchiveNotFoundError(f"Relative path is not allowed in url: {names.printable(url)}")
    parsed = _parse(url)
    if problem := _problem(url, parsed):
        raise ArchiveNotFoundError(f"Given URL {names.printable(url)} is not allowed: it {problem}.")
    if allowed is None and parsed.scheme == "file":
        raise not_public(url)
    if allowed is not None and not any(re.fullmatch(one, url, re.IGNORECASE | re.ASCII) for one in allowed):
        raise ArchiveNotFoundError(_not_allowed(url))
    return Source(url, parsed, public_only=allowed is None)


def file_name(source: Source) -> str:
    """Return what the archive is called in the model store: the last component of the path (TorchServe).

    Raises:
        ArchiveNotFoundError: no file may have that name.

    """
    name = source.parsed.name
    problem = names.component_problem(name) or ("starts with a dot" if name.startswith(".") else "")
    if problem:
        url = names.printable(source.url)
        raise ArchiveNotFoundError(f"Given URL {url} is not allowed: its file name {problem}.")
    return name


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet; one that hides another in it does not count as such."""
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        if found in _NAT64:
            return _is_public(IPv4Address(found.packed[-4:]))
        if found.ipv4_mapped or found.sixtofour or found.teredo or found.is_site_local:
            return False
    return _is_public(found)


def not_public(url: str) -> ArchiveNotFoundError:
    """Return the error for a URL that is refused only because `allowed_urls` is not set."""
    return ArchiveNotFoundError(
        f"{_not_allowed(url)}. Without the setting allowed_urls, archives come from the model store and over http, "
        "https and s3 from public addresses; name others there, as regular expressions."
    )


def reaching_inside(allowed: Iterable[str] | None) -> list[str]:
    """Return the patterns that seem to open files, this machine or private networks."""
    return [
        pattern
        for pattern in allowed or ()
        if _LOCAL.search(pattern) or any(re.fullmatch(pattern, url, re.IGNORECASE) for url in _SAMPLES)
    ]


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _parse(url: str) -> URL:
    try:
        return URL(url)
    except ValueError:
        raise ArchiveNotFoundError(f"Given URL {names.printable(url)} is not allowed: it is malformed.") from None


def _problem(url: str, parsed: URL) -> str:
    """Return how the URL may look like another than it is, in words; empty when it does not."""
    is_file = parsed.scheme == "file"
    problems = {
        "is no http, https, file or s3 URL": not is_remote(url),
        "has a control character": not names.is_printable(url),
        "has a backslash or a blank": _AMBIGUOUS.search(url),
        "holds a user name": _USER.search(url),
        "names no host": parsed.scheme in {"http", "https"} and not parsed.host,
        "names another machine": is_file and parsed.host not in {None, "localhost"},
    }
    return next((problem for problem, found in problems.items() if found), "")


def _not_allowed(url: str) -> str:
    return f"Given URL {names.printable(url)} does not match any allowed URL(s)"
