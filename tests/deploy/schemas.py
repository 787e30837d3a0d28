"""The schemas that Kubernetes objects are held against."""

import json
from collections.abc import Sequence
from functools import cache

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types

from tests.deploy.manifests import Object
from tests.deploy.tools import HOME, complaints

VERSIONS = ("1.31", "1.37")
CUSTOM = (
    "keda.sh/",
    "serving.knative.dev/",
    "eventing.knative.dev/",
    "gateway.networking.k8s.io/",
    "monitoring.coreos.com/",
)


def is_custom(one: Object) -> bool:
    """Whether its kind is not one of Kubernetes' own."""
    return bool(one["apiVersion"].startswith(CUSTOM))


def assert_core_kinds_fit(objects: Sequence[Object], version: str) -> None:
    """Strictly: what the schema does not know is wrong."""
    core = [one for one in objects if not is_custom(one)]
    assert core
    for one in core:
        _fits(json.dumps(one, sort_keys=True), version)


@cache
def _fits(one: str, version: str) -> None:
    """Sets of values share most of their objects, and the schemas are read anew for each."""
    kubernetes_validate.validate(json.loads(one), version, strict=True)


def complaints_of_custom_kinds(objects: Sequence[Object]) -> str:
    """Empty where there are none."""
    custom = json.dumps([one for one in objects if is_custom(one)])
    return complaints("node", "tests/deploy/node/validate.mjs", HOME / "node_modules", text=custom)
