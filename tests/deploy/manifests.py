"""Reads the manifests: which of our processes each one starts, with what environment, probes and grace."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from adapters.config import secrets_manager
from adapters.config.settings import ALL_GROUPS, CORE_GROUPS, names_of
from tests.deploy.tools import ROOT, run

Object = dict[str, Any]

GROUPS = {"serve": CORE_GROUPS, "consume": ALL_GROUPS}
CHART = ROOT / "deploy/chart"
VALUES = {file.stem: file for file in sorted((ROOT / "tests/deploy/values").glob("*.yaml"))}
"""The sets of values that the chart is rendered with."""
NAMESPACE = "inn"
SECRET = "a-secret-that-the-host-keeps-elsewhere"
EXAMPLE = dotenv_values(ROOT / ".env.example")


@dataclass(frozen=True)
class Process:
    """One process of ours as a manifest describes it. Where the host has a secret, SECRET stands.

    `grace`: seconds between SIGTERM and SIGKILL, of which `pause` go by before SIGTERM; None where the host decides.
    """

    command: str
    environment: Mapping[str, str]
    probes: Mapping[str, int]
    grace: float | None
    pause: float = 0

    @property
    def secrets(self) -> set[str]:
        """Every secret that it is given."""
        return {name for name, value in self.environment.items() if value == SECRET}

    @property
    def known(self) -> set[str]:
        """The settings that it reads."""
        return {name for group in GROUPS[self.command] for name in names_of(group).values()}


@cache
def rendered(values: str) -> tuple[Object, ...]:
    """What Helm would send to a cluster with one of VALUES."""
    return render(VALUES[values])


def render(values: Path, *options: str, release: str = "inn") -> tuple[Object, ...]:
    """The same with any file of values."""
    done = run("helm", "template", release, CHART, "--namespace", NAMESPACE, "--values", values, *options)
    assert done.returncode == 0, done.stderr
    return tuple(one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one)


def of_kind(objects: Sequence[Object], kind: str) -> dict[str, Object]:
    """Those of one kind, by name."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def templates(objects: Sequence[Object]) -> Iterator[Object]:
    """The pod template of each Deployment and Knative service."""
    return (one["spec"]["template"] for one in objects if "template" in one.get("spec", {}))


def pods(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """The pod of each Deployment and Knative service, with the component that it is."""
    for template in templates(objects):
        yield template["metadata"]["labels"]["app.kubernetes.io/component"], template["spec"]


def in_kubernetes(values: str) -> list[Process]:
    """The processes of one set of values."""
    return processes(rendered(values))


def processes(objects: Sequence[Object]) -> list[Process]:
    """The processes that these start."""
    return [_in_pod(pod, of_kind(objects, "ConfigMap")) for _, pod in pods(objects)]


def _in_pod(pod: Object, maps: Mapping[str, Object]) -> Process:
    [container] = pod["containers"]
    environment: dict[str, str] = {}
    for source in container["envFrom"]:
        environment |= maps[source["configMapRef"]["name"]]["data"]
    for variable in container["env"]:
        name = variable["name"].removesuffix("_FILE")
        is_file = variable["name"] not in (name, "SSL_CERT_FILE")
        if is_file:
            assert variable["value"] in secret_files(pod)
            environment[name] = SECRET
        else:
            environment[variable["name"]] = SECRET if "valueFrom" in variable else variable["value"]
    probes = {
        container[kind]["httpGet"]["path"]: _port(container, kind) for kind in container if kind.endswith("Probe")
    }
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    # Knative derives the grace from how long a request may take.
    grace = pod.get("terminationGracePeriodSeconds", pod.get("timeoutSeconds"))
    return Process(container["args"][0], environment, probes, grace, pause)


def secret_files(pod: Object) -> set[str]:
    """The paths at which a pod sees secrets."""
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    return {
        f"{mounts[volume['name']]}/{item['path']}"
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    }


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


class _Cloudformation(yaml.CSafeLoader):
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
    secrets = dict.fromkeys(environment[secrets_manager.KEYS].split(","), SECRET)
    return Process("serve", {**environment, **secrets}, probes, None)


def _resolved(value: Any) -> str:
    if isinstance(value, dict) and "Ref" in value:
        parameter = template()["Parameters"].get(value["Ref"], {})
        return str(parameter.get("Default", "given-at-deployment"))
    if isinstance(value, dict) and "Fn::If" in value:
        return _resolved(value["Fn::If"][1])
    if isinstance(value, dict) and "Fn::Sub" in value:
        return re.sub(r"\$\{(\w+)\}", lambda found: _resolved({"Ref": found[1]}), value["Fn::Sub"])
    return str(value)


PLACES: dict[str, Callable[[], list[Process]]] = {
    "compose": in_compose,
    "lambda": lambda: [on_lambda()],
    **{values: partial(in_kubernetes, values) for values in VALUES},
}
