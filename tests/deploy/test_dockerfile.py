"""The image: what its Dockerfile says, and what its build may see."""

import re

import pytest

from tests.deploy.tools import ROOT, complaints

DOCKERFILE = (ROOT / "Dockerfile").read_text()
RULES = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]


def _final_stage() -> str:
    return DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def _copied_from_here() -> set[str]:
    lines = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
    return {source for sources in lines if not sources[0].startswith("--from") for source in sources}


def test_hadolint_has_nothing_to_say() -> None:
    assert not complaints("hadolint", "Dockerfile")


def test_every_base_is_pinned_to_a_patch_version() -> None:
    bases = re.findall(r"^FROM (\S+)|^COPY --from=(\S+\.\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 3
    assert all(re.search(r":\d+\.\d+\.\d+(-slim-\w+)?$", "".join(base)) for base in bases)


def test_the_process_runs_as_a_numbered_user_that_is_not_root() -> None:
    assert re.findall(r"^USER (\S+)$", _final_stage(), re.MULTILINE) == ["10001:10001"]


def test_only_hashed_wheels_are_installed() -> None:
    assert "--require-hashes --only-binary=:all: -r requirements/run.lock" in DOCKERFILE


def test_no_installer_is_left_in_the_image() -> None:
    assert "uninstall --yes setuptools pip" in DOCKERFILE
    assert "uninstall --yes --quiet --root-user-action=ignore setuptools wheel pip" in _final_stage()


def test_the_build_sees_nothing_but_what_it_copies() -> None:
    assert RULES[0] == "*"
    assert {rule[1:] for rule in RULES if rule.startswith("!")} == _copied_from_here() | {"requirements/run.lock"}


@pytest.mark.parametrize("secret", ["**/.*", "**/__pycache__"])
def test_hidden_files_stay_out_even_inside_what_is_copied(secret: str) -> None:
    last_let_in = max(i for i, rule in enumerate(RULES) if rule.startswith("!"))
    assert RULES.index(secret) > last_let_in


@pytest.mark.parametrize("label", ["source", "url", "version", "revision", "licenses"])
def test_the_image_says_where_it_comes_from(label: str) -> None:
    assert re.search(rf'org\.opencontainers\.image\.{label}="[^"]+"', _final_stage())
