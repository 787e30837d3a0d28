"""The playground: the page at `/` of the local runtime, not in production."""

from local_runtime.playground.fallback_switch import SwitchableProvider
from local_runtime.playground.site import Playground

__all__ = ["Playground", "SwitchableProvider"]
