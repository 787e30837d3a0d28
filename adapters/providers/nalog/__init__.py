"""The tax service (fns-protocol.md, 1 to 4)."""

from adapters.providers.nalog.provider import Nalog

__all__ = ["Nalog"]
