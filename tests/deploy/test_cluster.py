"""What a cluster would say of the chart: the schemas of its kinds, where its network policies lead, a secret that changes."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest

from tests.deploy.manifests import NAMESPACE, VALUES, Object, checksums, of_kind, processes, render, rendered
from tests.deploy.tools import HOME, complaints
from tests.docs.shown import values_of_the_page
from tests.servers.http import answering

VERSIONS = ("1.31", "1.37")
CUSTOM = {
    ("keda.sh", "ScaledObject"),
    ("keda.sh", "TriggerAuthentication"),
    ("serving.knative.dev", "Service"),
    ("eventing.knative.dev", "Broker"),
    ("eventing.knative.dev", "Trigger"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("monitoring.coreos.com", "PodMonitor"),
    ("monitoring.coreos.com", "PrometheusRule"),
}
"""Kinds that are not Kubernetes' own, by group."""
DNS = {("kube-system", 53), ("169.254.20.10/32", 53), ("openshift-dns", 5353)}
COMPONENTS = {"serve": ("function", ("MONGO",)), "consume": ("consumer", ("MONGO", "RABBITMQ"))}
"""What each command is called, and the servers that it connects to, by the prefix of their settings."""


def custom_kind(one: Object) -> tuple[str, str] | None:
    kind = (one["apiVersion"].split("/")[0], one["kind"])
    return kind if kind in CUSTOM else None


@pytest.fixture(scope="module")
def every_set(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Object, ...]]:
    """The chart with each set of values, those among them that docs/deploying.md shows."""
    file = tmp_path_factory.mktemp("values") / "values.yaml"
    shown = [render(file) for text in values_of_the_page() if file.write_text(text)]
    assert shown
    return [*map(rendered, VALUES), *shown]


@pytest.mark.parametrize("version", VERSIONS)
def test_core_kinds_meet_their_schema_strictly(every_set: list[tuple[Object, ...]], version: str) -> None:
    """What the schema does not know is wrong."""
    # Sets share most of their objects, and the schemas are read anew for each.
    core = {json.dumps(one, sort_keys=True) for objects in every_set for one in objects if not custom_kind(one)}
    for one in core:
        kubernetes_validate.validate(json.loads(one), version, strict=True)


def test_custom_kinds_meet_their_schema(every_set: list[tuple[Object, ...]]) -> None:
    custom = [one for objects in every_set for one in objects if custom_kind(one)]
    assert set(map(custom_kind, custom)) == CUSTOM
    assert not complaints("node", "tests/deploy/node/validate.mjs", HOME / "node_modules", text=json.dumps(custom))


def destinations(objects: Sequence[Object], component: str) -> set[tuple[str, int]]:
    """The namespaces, or networks, and ports that the policies of a component let it connect to."""
    return {
        (
            peer["ipBlock"]["cidr"]
            if "ipBlock" in peer
            else peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
            port["port"],
        )
        for policy in of_kind(objects, "NetworkPolicy").values()
        if policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component") in (None, component)
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        for port in rule["ports"]
    }


def unreachable_servers(objects: Sequence[Object]) -> set[tuple[str, int]]:
    """The servers that the settings name, by names within the cluster, and that no policy leads to."""
    wanted = {
        (component, (host.partition(".svc")[0].rpartition(".")[2], int(process.environment[f"{server}_PORT"])))
        for process in processes(objects)
        for component, servers in [COMPONENTS[process.command]]
        for server in servers
        if f"{server}_DSN" not in process.environment
        for host in process.environment[f"{server}_HOST"].split(",")
    }
    return {server for component, server in wanted if server not in destinations(objects, component)}


def test_a_pod_reaches_its_servers_names_the_tax_service_or_a_proxy_and_nothing_else() -> None:
    objects = rendered("both")
    everybody = {*DNS, ("0.0.0.0/0", 443), ("mongodb", 27017)}
    assert destinations(objects, "function") == everybody
    assert destinations(objects, "consumer") == {*everybody, ("rabbitmq", 5672), ("rabbitmq", 5671)}
    assert of_kind(objects, "NetworkPolicy")["inn"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in of_kind(objects, "NetworkPolicy")["inn"]["spec"]
    assert destinations(rendered("outside"), "consumer") >= {("10.20.0.0/28", 27017), ("10.20.0.16/28", 5671)}
    assert destinations(rendered("openshift"), "function") == {
        ("openshift-dns", 5353),
        ("10.1.2.3/32", 3128),
        ("mongodb", 27017),
    }


def test_the_servers_that_are_let_through_are_those_of_the_settings(every_set: list[tuple[Object, ...]]) -> None:
    for objects in every_set:
        assert not unreachable_servers(objects)


def test_a_changed_secret_rolls_the_pods() -> None:
    seen = []
    for version in ("1", "2"):
        with answering(partial(api_server, version)) as address:
            options = ("--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", address)
            seen.append(checksums(render(VALUES["both"], *options)))
    assert not seen[0].items() & seen[1].items()


def api_server(version: str, url: str, _: bytes) -> tuple[int, bytes]:
    """Answer as a cluster that knows the chart's kinds, in any group, and this version of one Secret."""
    versions = {one["apiVersion"] for one in rendered("both")} - {"v1"}
    kinds = {"Secret", *(one["kind"] for one in rendered("both"))}
    path = url.partition("?")[0]
    answers: dict[str, Any] = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                {"name": each.split("/")[0], "versions": [{"groupVersion": each, "version": each.split("/")[1]}]}
                for each in versions
            ],
        },
        f"/api/v1/namespaces/{NAMESPACE}/secrets/inn": {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "inn", "namespace": NAMESPACE, "resourceVersion": version},
        },
    }
    for each in (*versions, "v1"):
        listed = [{"name": f"{kind.lower()}s", "namespaced": True, "kind": kind, "verbs": ["get"]} for kind in kinds]
        place = f"/api/{each}" if each == "v1" else f"/apis/{each}"
        answers[place] = {"kind": "APIResourceList", "groupVersion": each, "resources": listed}
    missing = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
    return 200 if path in answers else 404, json.dumps(answers.get(path, missing)).encode()
