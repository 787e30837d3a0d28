import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers.mongod import GIVEN_VARIABLE, given_or_private
from tests.servers.process import ServerFailed
from tests.servers.programs import Program, on_path

VARIABLE = "INN_TEST_PROGRAM"
INSTALLED = "usr/lib/program-*/bin/program"


def program(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing on PATH but what a test puts into its `bin`; it is root's."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


@pytest.fixture
def wanted(bare: Path) -> Program:
    return Program(("program", f"{bare}/{INSTALLED}"), "install it", variable=VARIABLE, packages=("the-package",))


def test_the_variable_comes_first_then_places_in_their_order_the_newest_version_of_each(
    bare: Path, wanted: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(bare / "usr/lib/program-1/bin/program")
    newest = program(bare / "usr/lib/program-2/bin/program")
    assert wanted.path() == newest
    on_the_path = program(bare / "bin" / "program")
    assert wanted.path() == on_the_path
    assert replace(wanted, places=wanted.places[::-1]).path() == newest
    named = program(bare / "mine" / "program-8")
    monkeypatch.setenv(VARIABLE, str(named))
    assert wanted.path() == named
    monkeypatch.setenv(VARIABLE, "/no/such/program")
    with pytest.raises(ServerFailed, match=f"{VARIABLE} names /no/such/program"):
        wanted.path()


def test_a_program_of_a_wheel_is_given_the_permission_to_run(bare: Path, wanted: Program) -> None:
    found = program(bare / "usr/lib/program-1/bin/program")
    found.chmod(0o644)
    assert replace(wanted, wheel="the-wheel").path() == found
    assert os.access(found, os.X_OK)


def test_a_program_that_is_missing_is_installed_once_before_its_first_use(bare: Path, wanted: Program) -> None:
    target = bare / "usr/lib/program-1/bin/program"
    program(
        bare / "bin" / "apt-get",
        f"""#!/bin/sh
echo "$*" >> {bare}/called
[ "$2" = update ] || {{ /bin/mkdir -p {target.parent} && /bin/cp "$0" {target}; }}
""",
    )
    assert wanted.path() == wanted.path() == target
    assert (bare / "called").read_text() == ("-qq update\n-qq install -y --no-install-recommends the-package\n")


def test_why_an_installation_failed_is_said_in_the_same_line(bare: Path, wanted: Program) -> None:
    program(bare / "bin" / "apt-get", "#!/bin/sh\necho 'first' >&2; echo 'no network' >&2; exit 100\n")
    with pytest.raises(ServerFailed, match=r"^program is needed: install it \(apt-get failed: no network\)$"):
        wanted.path()


def test_only_root_installs(bare: Path, wanted: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    called = program(bare / "bin" / "apt-get", f"#!/bin/sh\n> {bare}/called\n")
    with pytest.raises(ServerFailed, match=r"^program is needed: install it$"):
        wanted.path()
    assert called.exists()
    assert not (bare / "called").exists()


def test_a_given_mongodb_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GIVEN_VARIABLE, "mongodb://given.example")
    with given_or_private() as mongo:
        assert (mongo.uri, mongo.members) == ("mongodb://given.example", [])


def test_a_command_of_a_shell_script_is_asked_for_by_its_name(bare: Path) -> None:
    program(bare / "bin" / "present")
    on_path("present")
    with pytest.raises(ServerFailed, match=r"^absent is needed: install absent, so that it is on PATH"):
        on_path("present", "absent")
