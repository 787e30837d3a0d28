"""Imports that bring less along. A start is mostly imports, and what they load stays in memory.

A tool of the adapters, and none of them: it knows no library.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PYDANTIC_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@contextmanager
def fast_imports() -> Iterator[None]:
    """Within it, nobody looks for what is not there: garbage, or plugins of pydantic. What is there at the end stays.

    A collection walks through all that was imported so far, many times in a start. For plugins, pydantic
    reads what every installed package says of itself; who has some sets its variable to another value.
    """
    set_before = os.environ.get(_PYDANTIC_PLUGINS)
    os.environ.setdefault(_PYDANTIC_PLUGINS, "__all__")
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        if set_before is None:
            del os.environ[_PYDANTIC_PLUGINS]


@contextmanager
def hide_modules(*names: str) -> Iterator[None]:
    """Within it, to import one of these modules fails as if it were not installed; what was imported before stays.

    For libraries that try for something more and do without, where it is known not to be needed.
    """
    hidden = [name for name in names if name not in sys.modules]
    # None is how Python itself notes that a module is not to be had; the type does not say so.
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]
