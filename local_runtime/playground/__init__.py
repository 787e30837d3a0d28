"""The playground: the page at `/` of the local runtime, not in production."""

from local_runtime.playground.site import Playground
from local_runtime.playground.switchable_provider import SwitchableProvider

__all__ = ["Playground", "SwitchableProvider"]
