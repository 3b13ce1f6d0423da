"""Which proxy a request goes through: what http_proxy, https_proxy, all_proxy and no_proxy say. Pure but for them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.request import getproxies_environment, proxy_bypass

from yarl import URL


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is; `headers` hold the name and password that it asks for, which are in no URL and so in no message."""

    url: URL
    headers: dict[str, str] = field(default_factory=dict, repr=False)


def proxy_for(url: URL) -> Proxy | None:
    """Return the proxy for `url`, None when it is asked for directly, as this machine itself always is.

    Raises OSError for a proxy that speaks another protocol than http or https.
    """
    proxies = getproxies_environment()
    given = proxies.get(url.scheme) or proxies.get("all")
    if not given or _is_this_machine(url.host or "") or proxy_bypass(f"{url.host}:{url.port}"):
        return None
    found = _parse(given)
    if found.user is None:
        return Proxy(found)
    login = base64.b64encode(f"{found.user}:{found.password or ''}".encode()).decode()
    return Proxy(found.with_user(None), {"Proxy-Authorization": f"Basic {login}"})


def _parse(given: str) -> URL:
    try:
        found = URL(given if "://" in given else f"http://{given}")
    except ValueError:
        found = URL()
    if found.scheme not in {"http", "https"} or not found.host:
        raise OSError("the proxy of the environment is no http or https URL")
    return found


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
