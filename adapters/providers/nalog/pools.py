"""Pools of connections to one site, directly or through a proxy, TLS verified."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.contrib.socks import SOCKSProxyManager

from adapters.providers.nalog import bounded


@dataclass(frozen=True, slots=True)
class Site:
    """Where requests go and how: `url` without a slash at its end; `proxy` "" for none, http(s):// or socks…://.

    `ca_bundle`: a file of certificates to trust instead of the system's; `connections`: kept open at most.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    proxy: str = field(default="", repr=False)
    ca_bundle: str = ""
    connections: int = 16


def manager(site: Site) -> urllib3.PoolManager:
    """What opens connections to the site. Raises OSError where the CA bundle cannot be read."""
    trust = _trust(site)
    pool: dict[str, Any] = {"maxsize": site.connections, "ssl_context": trust}
    socks = site.proxy.startswith("socks")
    made: urllib3.PoolManager
    if socks:
        made = SOCKSProxyManager(site.proxy, **pool)
    elif site.proxy:
        made = _http_proxy(site.proxy, trust, pool)
    else:
        made = urllib3.PoolManager(**pool)
    bounded.bind(made, socks=socks)
    return made


def _trust(site: Site) -> ssl.SSLContext | None:
    """Whom to trust; None where nothing is encrypted, for the system's certificates take their time to load."""
    if site.ca_bundle or any(url.startswith("https:") for url in (site.url, site.proxy)):
        return ssl.create_default_context(cafile=site.ca_bundle or None)
    return None


def _http_proxy(proxy: str, trust: ssl.SSLContext | None, pool: dict[str, Any]) -> urllib3.ProxyManager:
    login = urllib3.util.parse_url(proxy).auth_decoded
    headers = None
    if login[0] is not None:
        headers = urllib3.make_headers(proxy_basic_auth=f"{login[0]}:{login[1] or ''}")
    return urllib3.ProxyManager(proxy, proxy_headers=headers, proxy_ssl_context=trust, **pool)
