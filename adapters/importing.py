"""Imports that bring less along. A start is mostly imports, and what they load stays in memory.

A tool of the adapters, and none of them: it knows no library.
"""

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import MappingProxyType, ModuleType

_PYDANTIC_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@contextmanager
def swiftly() -> Iterator[None]:
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
def without(*names: str) -> Iterator[None]:
    """Within it, to import one of these modules fails as if it were not installed; what was imported before stays.

    For libraries that try for something more and do without, where it is known not to be needed.
    """
    # None is how Python itself notes that a module is not to be had.
    hidden: dict[str, ModuleType | None] = dict.fromkeys(name for name in names if name not in sys.modules)
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None is documented, and missing in the type
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


class _PutOff(ModuleType):
    """A package whose own code has not run yet."""

    _elsewhere: Mapping[str, str] = MappingProxyType({})

    def __getattr__(self, name: str) -> object:
        """What the package does not have yet."""
        where = self._elsewhere.get(name)
        if where is not None:
            return getattr(import_module(where), name)
        self.__class__ = ModuleType  # type: ignore[assignment]  # a module like any other, from here on
        if self.__spec__ is not None and self.__spec__.loader is not None:
            self.__spec__.loader.exec_module(self)
        return getattr(self, name)


@contextmanager
def putting_off(package: str, **elsewhere: str) -> Iterator[None]:
    """Within it a package is imported without running its own code, which imports all that it has.

    Its modules can be had as ever, and the names that are known to come from `elsewhere`, a module of it.
    For any other name its code is run after all, whenever that is: nobody sees a difference but in time.
    """
    spec = find_spec(package)
    if package not in sys.modules and spec is not None:
        module = module_from_spec(spec)
        module.__class__ = _PutOff
        vars(module)["_elsewhere"] = elsewhere
        sys.modules[package] = module
    yield
