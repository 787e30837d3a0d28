"""The Kubernetes manifests: their schemas, and what no schema can see."""

import re
import tomllib
from typing import Any

import pytest

from tests.deploy.manifests import FOLDERS, Object, in_kubernetes, of_kind, pods, rendered
from tests.deploy.policies import assert_keda_counts_what_is_consumed, assert_leads_to_the_servers, doors
from tests.deploy.schemas import VERSIONS, assert_core_kinds_fit, complaints_of_custom_kinds, is_custom
from tests.deploy.tools import ROOT

each_folder = pytest.mark.parametrize("folder", FOLDERS)


@each_folder
@pytest.mark.parametrize("version", VERSIONS)
def test_core_kinds_meet_their_schema_strictly(folder: str, version: str) -> None:
    assert_core_kinds_fit(rendered(folder), version)


@pytest.mark.parametrize(
    ("folder", "kinds"),
    [
        ("overlays/keda", {"ScaledObject", "TriggerAuthentication"}),
        ("overlays/knative", {"Service", "Trigger"}),
    ],
)
def test_custom_kinds_meet_their_schema(folder: str, kinds: set[str]) -> None:
    assert {one["kind"] for one in rendered(folder) if is_custom(one)} == kinds
    assert not complaints_of_custom_kinds(rendered(folder))


@each_folder
def test_both_components_run(folder: str) -> None:
    assert {process.command for process in in_kubernetes(folder)} == {"serve", "consume"}


@each_folder
def test_every_pod_meets_the_restricted_profile_on_a_root_that_cannot_be_written(folder: str) -> None:
    for _, pod in pods(rendered(folder)):
        [container] = pod["containers"]
        context = {**pod.get("securityContext", {}), **container["securityContext"]}
        assert context["runAsNonRoot"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False


@each_folder
def test_every_pod_runs_this_version_of_the_image_within_limits(folder: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for _, pod in pods(rendered(folder)):
        [container] = pod["containers"]
        assert container["image"] == f"inn-service:{version}"
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@each_folder
def test_every_name_that_is_referred_to_exists(folder: str) -> None:
    objects = rendered(folder)
    maps = of_kind(objects, "ConfigMap")
    for _, pod in pods(objects):
        assert all(source["configMapRef"]["name"] in maps for source in pod["containers"][0]["envFrom"])
    for one in objects:
        target = one["spec"].get("scaleTargetRef") if "spec" in one else None
        assert target is None or target["name"] in of_kind(objects, "Deployment")


@each_folder
def test_selectors_find_the_pods_of_their_component(folder: str) -> None:
    objects = rendered(folder)
    labels = [_labels(one) for one in objects if "template" in one.get("spec", {})]
    for one in objects:
        selector = _selector(one)
        assert selector is None or any(selector.items() <= pod.items() for pod in labels), one["metadata"]["name"]


def _labels(one: Object) -> dict[str, str]:
    return dict(one["spec"]["template"]["metadata"]["labels"])


def _selector(one: Object) -> dict[str, str] | None:
    spec = one.get("spec", {})
    selector: Any = spec.get("podSelector") or spec.get("selector")
    return None if selector is None else dict(selector.get("matchLabels", selector))


def test_the_consumer_survives_the_loss_of_a_node_and_a_drain() -> None:
    objects = rendered("base")
    consumer = of_kind(objects, "Deployment")["inn-consumer"]["spec"]
    assert consumer["replicas"] > of_kind(objects, "PodDisruptionBudget")["inn-consumer"]["spec"]["maxUnavailable"]
    spread = consumer["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname"]
    assert consumer["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_a_pod_reaches_its_servers_names_and_the_tax_service_and_nothing_else() -> None:
    policies = of_kind(rendered("base"), "NetworkPolicy")
    assert {name: doors(policy) for name, policy in policies.items()} == {
        "inn": {("kube-system", 53), ("0.0.0.0/0", 443)},
        "inn-mongodb": {("mongodb", 27017)},
        "inn-rabbitmq": {("rabbitmq", 5672), ("rabbitmq", 5671)},
        "inn-consumer": set(),
        "inn-function": set(),
    }
    assert policies["inn"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policies["inn"]["spec"]


@each_folder
def test_the_servers_that_are_let_through_are_those_of_the_settings(folder: str) -> None:
    assert_leads_to_the_servers(rendered(folder))


def test_keda_counts_the_source_queue_and_never_the_lookup_queue() -> None:
    objects = rendered("overlays/keda")
    assert_keda_counts_what_is_consumed(objects)
    [scaled] = of_kind(objects, "ScaledObject").values()
    assert scaled["spec"]["triggers"][0]["authenticationRef"]["name"] in of_kind(objects, "TriggerAuthentication")
    assert "replicas" not in of_kind(objects, "Deployment")["inn-consumer"]["spec"]
    assert scaled["spec"]["minReplicaCount"] >= 1


def test_knative_replaces_the_function_and_sends_it_events_of_its_type() -> None:
    objects = rendered("overlays/knative")
    assert set(of_kind(objects, "Deployment")) == {"inn-consumer"}
    assert not of_kind(objects, "HorizontalPodAutoscaler")
    [trigger] = of_kind(objects, "Trigger").values()
    assert trigger["spec"]["filter"]["attributes"] == {"type": _type_of_requests()}
    assert trigger["spec"]["subscriber"]["ref"]["name"] in of_kind(objects, "Service")


def _type_of_requests() -> str:
    [found] = re.findall(r'"(inn\.lookup\.requested)"', (ROOT / "function/event.py").read_text())
    return str(found)
