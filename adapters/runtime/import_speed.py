"""Speeds up imports, which take most of a start: no garbage collection, no search for plugins, hidden modules."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PYDANTIC_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@contextmanager
def fast_imports() -> Iterator[None]:
    """Disables garbage collection and pydantic's plugin search during imports, then freezes the imported objects.

    A collection scans all imported objects, many times in a start. For plugins, pydantic reads every installed
    package's metadata; PYDANTIC_DISABLE_PLUGINS, if set, is respected.
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
    """Makes imports of these modules fail in the block, for libraries' optional imports. Imported ones stay."""
    hidden = [name for name in names if name not in sys.modules]
    # None makes an import fail; the type of sys.modules lacks it.
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]
