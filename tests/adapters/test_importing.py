"""What is kept out of an import is out of it only, and comes back afterwards."""

import importlib
import sys

import pytest

from adapters.importing import without


def test_a_hidden_module_is_not_to_be_had_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hls


def test_a_hidden_module_is_back_after_an_error() -> None:
    with pytest.raises(KeyError), without("colorsys", "no_such_module"):
        raise KeyError
    assert importlib.import_module("colorsys").rgb_to_hls


def test_what_was_imported_before_stays() -> None:
    before = importlib.import_module("json")
    with without("json"):
        assert importlib.import_module("json") is before
    assert sys.modules["json"] is before
