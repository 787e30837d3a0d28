"""The playground: the page at `/` of the local runtime, never of production."""

from local_runtime.playground.provider import SwitchableProvider
from local_runtime.playground.site import Playground

__all__ = ["Playground", "SwitchableProvider"]
