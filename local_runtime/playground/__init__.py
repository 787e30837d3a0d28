"""The playground: the page at `/` of the local runtime, never of production."""

from local_runtime.playground.site import Playground
from local_runtime.playground.watched import Watched

__all__ = ["Playground", "Watched"]
