"""Speeds up imports, which take most of a start."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def fast_imports(*hidden: str) -> Iterator[None]:
    """Imports without garbage collections, which would scan all imported objects. Those are frozen at the end.

    Imports of the `hidden` modules fail in the block, for libraries' optional imports. pydantic's plugins, for which
    it reads every installed package, stay off unless PYDANTIC_DISABLE_PLUGINS is set.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    collects = gc.isenabled()
    gc.disable()
    # None makes an import fail; the type of sys.modules lacks it. What is imported already stays.
    modules: dict[str, Any] = sys.modules
    absent = [name for name in hidden if name not in modules]
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
        if collects:
            gc.freeze()
            gc.enable()
