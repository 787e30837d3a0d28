"""The image: what its Dockerfile says, and what its build may see."""

import re

from tests.deploy.tools import ROOT, complaints

DOCKERFILE = (ROOT / "Dockerfile").read_text()
RULES = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
FINAL_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
_COPIES = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
COPIED = {source for sources in _COPIES if not sources[0].startswith("--from") for source in sources}


def test_hadolint_has_nothing_to_say() -> None:
    assert not complaints("hadolint", "Dockerfile")


def test_every_base_is_pinned_to_a_patch_version() -> None:
    bases = re.findall(r"^FROM (\S+)|^COPY --from=(\S+\.\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 3
    assert all(re.search(r":\d+\.\d+\.\d+(-slim-\w+)?$", "".join(base)) for base in bases)


def test_only_hashed_wheels_are_installed_no_installer_is_left_and_the_user_is_a_number_that_is_not_root() -> None:
    assert "--require-hashes --only-binary=:all: -r requirements/run.lock" in DOCKERFILE
    assert "uninstall --yes setuptools pip" in DOCKERFILE
    assert "uninstall --yes --quiet --root-user-action=ignore setuptools wheel pip" in FINAL_STAGE
    assert re.findall(r"^USER (\S+)$", FINAL_STAGE, re.MULTILINE) == ["10001:10001"]


def test_the_build_sees_nothing_but_what_it_copies_and_no_hidden_file_inside() -> None:
    assert RULES[0] == "*"
    assert {rule[1:] for rule in RULES if rule.startswith("!")} == COPIED | {"requirements/run.lock"}
    last_let_in = max(i for i, rule in enumerate(RULES) if rule.startswith("!"))
    assert {"**/.*", "**/__pycache__"} <= set(RULES[last_let_in:])


def test_the_image_says_where_it_comes_from() -> None:
    labels = re.findall(r'org\.opencontainers\.image\.(\w+)="[^"]+"', FINAL_STAGE)
    assert {"source", "url", "version", "revision", "licenses"} <= set(labels)
