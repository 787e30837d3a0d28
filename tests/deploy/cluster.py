"""What a cluster would say of Kubernetes objects: their schemas, where network policies lead, and a stand-in of its API server."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types

from tests.deploy.manifests import NAMESPACE, Object, of_kind, processes
from tests.deploy.tools import HOME, complaints
from tests.servers.http import answering

Destination = tuple[str, int]
SERVERS = {"serve": ("MONGO",), "consume": ("MONGO", "RABBITMQ")}
"""The servers that each process connects to, by the prefix of their settings."""
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


def destinations(objects: Sequence[Object], component: str) -> set[Destination]:
    """The namespaces, or networks, and ports that the policies of a component let it connect to."""
    return {
        (_peer(peer), port["port"])
        for policy in of_kind(objects, "NetworkPolicy").values()
        if policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component") in (None, component)
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        for port in rule["ports"]
    }


def _peer(peer: Object) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    return str(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])


def unreachable_servers(objects: Sequence[Object]) -> set[Destination]:
    """The servers that the settings name, by names within the cluster, and that no policy leads to."""
    return {
        wanted
        for process in processes(objects)
        for server in SERVERS[process.command]
        if f"{server}_DSN" not in process.environment
        for host in process.environment[f"{server}_HOST"].split(",")
        if (wanted := (_namespace(host), int(process.environment[f"{server}_PORT"])))
        not in destinations(objects, {"serve": "function", "consume": "consumer"}[process.command])
    }


def _namespace(host: str) -> str:
    name, _, _ = host.partition(".svc")
    return name.rpartition(".")[2]


@contextmanager
def cluster_with_secret(name: str, version: str, known: Sequence[Object]) -> Iterator[str]:
    """Run an API server that knows these kinds, and one Secret of this version. Returns its address."""
    answers = _discovery(known)
    answers[f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}"] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE, "resourceVersion": version},
    }

    def answer(path: str, _body: bytes) -> tuple[int, bytes]:
        found = answers.get(path.partition("?")[0])
        missing = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
        return 200 if found else 404, json.dumps(found or missing).encode()

    with answering(answer) as url:
        yield url


def _discovery(known: Sequence[Object]) -> dict[str, Any]:
    kinds = {("v1", "Secret"), *((one["apiVersion"], one["kind"]) for one in known)}
    answers: dict[str, Any] = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": []},
    }
    for version in {version for version, _ in kinds}:
        listed = [
            {"name": f"{kind.lower()}s", "namespaced": True, "kind": kind, "verbs": ["get"]}
            for of, kind in sorted(kinds)
            if of == version
        ]
        place = f"/{'api' if version == 'v1' else 'apis'}/{version}"
        answers[place] = {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
        if version != "v1":
            group, _, number = version.partition("/")
            versions = [{"groupVersion": version, "version": number}]
            answers["/apis"]["groups"].append({"name": group, "versions": versions})
    return answers
