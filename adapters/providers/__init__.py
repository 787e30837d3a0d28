"""The InnProvider of a deployment: the tax service, then the paid provider, one fail-over around them."""

from adapters.providers.failover import FailoverProvider, ProviderStatus

__all__ = ["FailoverProvider", "ProviderStatus"]
