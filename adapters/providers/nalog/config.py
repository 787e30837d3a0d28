"""What the tax service's client has to be told, as plain values."""

from dataclasses import dataclass, field
from typing import Literal

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@dataclass(frozen=True, slots=True)
class NalogConfig:
    """How the tax service is asked.

    `url`: the site's address; an address that ends in one of the service's own pages, as older
    settings have it, means the same site. `timeout`: seconds of one lookup, every request and wait
    of it included. `retries`, `wait`: how often a broken connection is tried anew within one lookup,
    and after how many seconds, give or take a half. `ca_bundle`: a file of certificates to trust
    instead of the system's. `consent`: whether the operator agrees, as the site's visitors do, to the
    processing of personal data. `connections`: as many as threads that ask.
    """

    url: str
    protocol: Literal["two-step", "legacy"] = "two-step"
    timeout: float = 60
    retries: int = 2
    wait: float = 1
    proxy: str = field(default="", repr=False)
    ca_bundle: str = ""
    user_agent: str = FIREFOX
    consent: bool = False
    connections: int = 16
    poll_wait: float = 1
    """Seconds before the second poll; the third comes after twice as long, and so on. The first is made at once."""
