"""What is switched off for an import is off during it, and comes back afterwards."""

import gc
import importlib
import os
import sys

import pytest

from adapters.runtime.import_speed import fast_imports, hide_modules


def test_a_hidden_module_is_not_to_be_had_until_the_end_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(ModuleNotFoundError), hide_modules("colorsys", "no_such_module"):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hls


def test_what_was_imported_before_stays() -> None:
    before = importlib.import_module("json")
    with hide_modules("json"):
        assert importlib.import_module("json") is before
    assert sys.modules["json"] is before


@pytest.mark.parametrize("given", [None, "some-plugin"], ids=["nobody said anything of plugins", "somebody did"])
def test_a_swift_import_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    variable = "PYDANTIC_DISABLE_PLUGINS"
    monkeypatch.delenv(variable, raising=False)
    if given is not None:
        monkeypatch.setenv(variable, given)
    with fast_imports():
        assert not gc.isenabled()
        assert os.environ[variable] == (given or "__all__")
    assert gc.isenabled()
    assert os.environ.get(variable) == given
