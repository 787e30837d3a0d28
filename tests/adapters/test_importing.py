"""What is switched off for an import is off during it, and comes back afterwards."""

import gc
import importlib
import os
import sys
from pathlib import Path

import pytest

from adapters.importing import putting_off, swiftly, without


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


@pytest.mark.parametrize("given", [None, "some-plugin"], ids=["nobody said anything of plugins", "somebody did"])
def test_a_swift_import_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    variable = "PYDANTIC_DISABLE_PLUGINS"
    monkeypatch.delenv(variable, raising=False)
    if given is not None:
        monkeypatch.setenv(variable, given)
    with swiftly():
        assert not gc.isenabled()
        assert os.environ[variable] == (given or "__all__")
    assert gc.isenabled()
    assert os.environ.get(variable) == given


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package whose own code imports a module of it, as all of them do."""
    name = "some_large_package"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text(f"from {name}.part import Part\nfrom {name}.rest import rest\n")
    (folder / "part.py").write_text("class Part: ...\n")
    (folder / "rest.py").write_text("rest = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("", ".part", ".rest"):
        # So that what the test imports is forgotten after it.
        monkeypatch.setitem(sys.modules, name + module, sys)
        monkeypatch.delitem(sys.modules, name + module)
    return name


@pytest.mark.parametrize(
    ("taken", "runs"),
    [
        pytest.param("from some_large_package.part import Part", False, id="a module's class"),
        pytest.param("import some_large_package.part; Part = some_large_package.part.Part", False, id="a module"),
        pytest.param("from some_large_package import Part", False, id="a name that is known to come from a module"),
        pytest.param("from some_large_package import Part, rest", True, id="another name"),
    ],
)
def test_a_package_that_is_put_off_runs_when_it_is_needed(package: str, taken: str, runs: bool) -> None:  # noqa: FBT001  # a row of a table
    with putting_off(package, Part=f"{package}.part"):
        names: dict[str, object] = {}
        exec(taken, names)  # noqa: S102  # lines of the table above
    assert (f"{package}.rest" in sys.modules) is runs
    assert importlib.import_module(package).rest == 1
    assert importlib.import_module(package).Part is names["Part"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = importlib.import_module(package).nothing


def test_a_package_that_is_here_is_not_put_off(package: str) -> None:
    before = importlib.import_module(package)
    with putting_off(package):
        assert importlib.import_module(package) is before
    assert before.rest == 1


def test_a_package_that_is_not_installed_is_missed_as_ever() -> None:
    with pytest.raises(ModuleNotFoundError), putting_off("no_such_package"):
        importlib.import_module("no_such_package")
