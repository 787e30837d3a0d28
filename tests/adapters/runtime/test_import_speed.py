import gc
import importlib
import os
import sys

import pytest

from adapters.runtime.import_speed import fast_imports


def test_a_hidden_module_is_not_to_be_had_until_the_end_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(ModuleNotFoundError), fast_imports("colorsys", "no_such_module", "json"):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hls
    assert "json" in sys.modules, "which was imported before, and stays"


@pytest.mark.parametrize("given", [None, "some-plugin"], ids=["nobody said anything of plugins", "somebody did"])
def test_collections_and_plugins_are_off_during_the_import(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    variable = "PYDANTIC_DISABLE_PLUGINS"
    monkeypatch.setenv(variable, given or "")
    if given is None:
        monkeypatch.delenv(variable)
    with fast_imports():
        with fast_imports():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    assert os.environ[variable] == (given or "__all__")
