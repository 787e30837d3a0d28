"""What ships: locked by hashes, under licences that were agreed to, and checked by everybody in the same way."""

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.tools import ROOT, complaints

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))


def _locked(lock: Path) -> list[str]:
    """The requirements of a lock file, each with its hashes."""
    lines = lock.read_text().replace("\\\n", "").splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_and_hashed_and_no_registry_is_named(lock: Path) -> None:
    pinned = re.compile(r"^[\w.\[\]-]+==\S+ (; .+? )? *--hash=sha256:")
    assert [entry for entry in _locked(lock) if not pinned.search(entry)] == []
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock"])
def test_what_is_asked_for_with_an_extra_is_pinned_with_it(lock: str) -> None:
    """Pip takes the newest release for one that is not, and stumbles over its hash."""
    packages = [Requirement(entry.split(" --hash")[0]) for entry in _locked(ROOT / "requirements" / lock)]
    here = [package for package in packages if package.marker is None or package.marker.evaluate()]
    pinned = {(canonicalize_name(package.name), extra) for package in here for extra in package.extras}
    asked = {
        (canonicalize_name(other.name), extra)
        for package in here
        for other in map(Requirement, distribution(package.name).requires or ())
        if other.marker is None or any(other.marker.evaluate({"extra": own}) for own in ("", *package.extras))
        for extra in other.extras
    }
    assert ("urllib3", "socks") in pinned
    assert asked <= pinned


def test_the_workflows_meet_their_schema() -> None:
    assert not complaints("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    assert not complaints("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yaml")


def test_ci_runs_what_everybody_runs_checks_what_ships_and_builds_the_image() -> None:
    workflow = (ROOT / ".github/workflows/ci.yaml").read_text()
    assert "run: .ci/run" in workflow
    assert "make audit licenses sbom" in workflow
    assert "docker build" in workflow


def test_a_release_is_tested_as_ci_does_scanned_signed_and_says_what_it_holds() -> None:
    ci, release = (yaml.safe_load(workflow.read_text())["jobs"] for workflow in WORKFLOWS)
    assert [step for step in ci["test"]["steps"] if step not in release["test"]["steps"]] == []
    assert release["publish"]["needs"] == "test"
    steps = [step.get("run", step.get("uses")) for step in release["publish"]["steps"]]
    order = [
        *("make audit", "scan-action", "buildx build --push", "cosign sign", "cosign attest", "helm push"),
        "gh release",
    ]
    found = [i for part in order for i, step in enumerate(steps) if part in step]
    assert found == sorted(found)
    assert len(found) == len(order)
    # Another name than buildx writes down would be null, and nothing would be signed.
    pushed = next(step for step in steps if "buildx build --push" in step)
    assert "jq --exit-status --raw-output '.\"containerimage.digest\"' build/image.json" in pushed


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_every_action_is_pinned_to_a_commit(workflow: Path) -> None:
    uses = re.findall(r"uses: (\S+)", workflow.read_text())
    assert uses
    assert [action for action in uses if not re.search(r"@[0-9a-f]{40}$", action)] == []
