"""Reads the manifests: which of our processes each one starts, with what environment, probes and grace."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from adapters.config.settings import ALL_GROUPS, CORE_GROUPS, names_of
from tests.deploy.tools import ROOT, run

Object = dict[str, Any]

GROUPS = {"serve": CORE_GROUPS, "consume": ALL_GROUPS}
FOLDERS = ("base", "overlays/keda", "overlays/knative")
SECRET = "a-secret-that-the-host-keeps-elsewhere"
EXAMPLE = dotenv_values(ROOT / ".env.example")


@dataclass(frozen=True)
class Process:
    """One process of ours as a manifest describes it. Where the host has a secret, SECRET stands.

    `grace`: seconds between SIGTERM and SIGKILL, of which `pause` go by before SIGTERM; None where the host decides.
    `optional`: the secrets that the host passes on where it has them.
    """

    command: str
    environment: Mapping[str, str]
    probes: Mapping[str, int]
    grace: float | None
    pause: float = 0
    optional: frozenset[str] = frozenset()

    def given(self, secrets: Mapping[str, str]) -> dict[str, str]:
        """Its environment where the host has these secrets, and no other."""
        passed = {name: value for name, value in secrets.items() if name in self.secrets}
        return {name: value for name, value in self.environment.items() if value != SECRET} | passed

    @property
    def secrets(self) -> set[str]:
        """Every secret that it can be given."""
        return {name for name, value in self.environment.items() if value == SECRET} | self.optional

    @property
    def known(self) -> set[str]:
        """The settings that it reads."""
        return {name for group in GROUPS[self.command] for name in names_of(group).values()}


@cache
def rendered(folder: str) -> tuple[Object, ...]:
    """What `kubectl apply -k` would send of one folder of deploy/kubernetes."""
    return render(ROOT / "deploy/kubernetes" / folder)


def render(folder: Path) -> tuple[Object, ...]:
    """The same of any folder."""
    done = run("kubectl", "kustomize", folder)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(objects: Sequence[Object], kind: str) -> dict[str, Object]:
    """Those of one kind, by name."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def pods(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """The pod of each Deployment and Knative service, with the component that it is."""
    for one in objects:
        if "template" in one.get("spec", {}):
            yield one["metadata"]["labels"]["app.kubernetes.io/component"], one["spec"]["template"]["spec"]


def in_kubernetes(folder: str) -> list[Process]:
    """The processes of one folder."""
    return processes(rendered(folder))


def processes(objects: Sequence[Object]) -> list[Process]:
    """The processes that these start."""
    return [_in_pod(pod, of_kind(objects, "ConfigMap")) for _, pod in pods(objects)]


def _in_pod(pod: Object, maps: Mapping[str, Object]) -> Process:
    [container] = pod["containers"]
    environment: dict[str, str] = {}
    for source in container["envFrom"]:
        environment |= maps[source["configMapRef"]["name"]]["data"]
    references = {variable["name"]: variable["valueFrom"]["secretKeyRef"] for variable in container["env"]}
    optional = frozenset(name for name, reference in references.items() if reference.get("optional"))
    environment |= dict.fromkeys(references.keys() - optional, SECRET)
    probes = {
        container[kind]["httpGet"]["path"]: _port(container, kind) for kind in container if kind.endswith("Probe")
    }
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    # Knative derives the grace from how long a request may take.
    grace = pod.get("terminationGracePeriodSeconds", pod.get("timeoutSeconds"))
    return Process(container["args"][0], environment, probes, grace, pause, optional)


def _port(container: Object, kind: str) -> int:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    named = container[kind]["httpGet"]["port"]
    return int(ports.get(named, named))


@cache
def compose() -> Object:
    """docker-compose.yaml with the values of .env.example put in."""
    document: Object = _interpolated(yaml.safe_load((ROOT / "docker-compose.yaml").read_text()))
    return document


def in_compose() -> list[Process]:
    """The services of compose that are ours and live in production too."""
    return [_in_service(compose()["services"][name]) for name in ("function", "consumer")]


def _in_service(service: Object) -> Process:
    environment = {name: str(value) for name, value in service["environment"].items()}
    [url] = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", service["healthcheck"]["test"][-1])
    return Process(service["command"], environment, {url[1]: int(url[0])}, float(service["stop_grace_period"][:-1]))


_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)\}")


def _interpolated(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _interpolated(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_interpolated(one) for one in value]
    return _VARIABLE.sub(_value, value) if isinstance(value, str) else value


def _value(found: "re.Match[str]") -> str:
    return "$" if found[0] == "$$" else EXAMPLE.get(found["name"]) or found["default"] or ""


class _Cloudformation(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, each as the long form that it stands for."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Object:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Cloudformation.add_multi_constructor("!", _function)


@cache
def template() -> Object:
    """template.yaml, its functions in the long form."""
    document: Object = yaml.load((ROOT / "template.yaml").read_text(), _Cloudformation)  # noqa: S506  # derives from SafeLoader
    return document


def on_lambda() -> Process:
    """The function of template.yaml, its parameters at their defaults, its URL open."""
    properties = template()["Resources"]["Function"]["Properties"]
    environment = {name: _resolved(value) for name, value in properties["Environment"]["Variables"].items()}
    probes = {environment["AWS_LWA_READINESS_CHECK_PATH"]: int(environment["AWS_LWA_PORT"])}
    return Process("serve", environment, probes, None)


def _resolved(value: Any) -> str:
    if isinstance(value, dict) and "Ref" in value:
        parameter = template()["Parameters"].get(value["Ref"], {})
        return str(parameter.get("Default", "given-at-deployment"))
    if isinstance(value, dict) and "Fn::If" in value:
        return _resolved(value["Fn::If"][1])
    return SECRET if isinstance(value, dict) else str(value)


PLACES: dict[str, Callable[[], list[Process]]] = {
    "compose": in_compose,
    "kubernetes": lambda: in_kubernetes("base"),
    "keda": lambda: in_kubernetes("overlays/keda"),
    "knative": lambda: in_kubernetes("overlays/knative"),
    "lambda": lambda: [on_lambda()],
}
