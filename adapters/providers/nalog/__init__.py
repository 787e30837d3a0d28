"""The tax service (fns-protocol.md, 1 to 3): one `Upstream`, in the protocol that the settings name."""

from adapters.providers.nalog.config import NalogConfig
from adapters.providers.nalog.legacy import Legacy
from adapters.providers.nalog.two_step import TwoStep

__all__ = ["NalogConfig", "connect"]


def connect(config: NalogConfig) -> TwoStep | Legacy:
    """The client, with a pool of connections of its own; build it after a fork. Nothing is sent yet.

    Raises OSError where the CA bundle cannot be read.
    """
    return Legacy(config) if config.protocol == "legacy" else TwoStep(config)
