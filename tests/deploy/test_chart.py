"""The Helm chart: each set of values rendered, held against the schemas of its kinds and against what no schema can see."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.event import COMPLETED, REQUESTED
from tests.deploy.manifests import (
    CHART,
    VALUES,
    Object,
    checksums,
    of_kind,
    pods,
    processes,
    render,
    rendered,
    templates,
)
from tests.deploy.tools import ROOT, complaints, run

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}

each_set = pytest.mark.parametrize("values", VALUES)


def test_helm_lint_has_nothing_to_say_and_the_version_is_the_project_s() -> None:
    assert not complaints("helm", "lint", "--strict", CHART)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)


@pytest.mark.parametrize(
    "wrong",
    [
        "nope=1",
        "settings.MONGO_PASS=secret",
        "settings.CLIENT_APIFNS_KEY=secret",
        "settings.mongo_host=x",
        "consumer.settings.RABBITMQ_DSN=amqp://x",
        "secret.keys={MONGO_DSN}",
        "image.digest=latest",
        "function.ingress.enabled=true",
        "function.gateway.enabled=true",
        "keda.minReplicas=0",
        "networkPolicy.mongodb.to=null",
        "keda.enabled=true,consumer.enabled=false",
        "knative.enabled=true,function.enabled=false",
        "function.enabled=false,consumer.enabled=false",
    ],
)
def test_wrong_values_are_refused(wrong: str) -> None:
    done = run("helm", "template", "inn", CHART, "--set", wrong)
    assert done.returncode == 1
    assert "values don't meet the specifications of the schema" in done.stderr


@each_set
def test_each_set_runs_what_it_is_meant_for(values: str) -> None:
    alone = {"function": ["serve"], "knative": ["serve"], "consumer": ["consume"]}
    assert sorted(process.command for process in processes(rendered(values))) == alone.get(values, ["consume", "serve"])


@each_set
def test_every_pod_runs_this_version_restricted_and_within_limits(values: str) -> None:
    for _, pod in pods(rendered(values)):
        [container] = pod["containers"]
        assert container["securityContext"] == RESTRICTED, "its root cannot be written"
        assert pod["automountServiceAccountToken"] is False
        assert re.search(rf"inn-service(:{re.escape(VERSION)}|@sha256:[0-9a-f]{{64}})$", container["image"])
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
    # The image names a user that is not root; OpenShift gives each namespace its own.
    assert not re.search(r"runAsUser|runAsGroup|fsGroup", str(rendered(values)))


@each_set
def test_every_name_that_is_referred_to_exists(values: str) -> None:
    objects = rendered(values)
    deployments, services = of_kind(objects, "Deployment"), of_kind(objects, "Service")
    accounts = {*of_kind(objects, "ServiceAccount"), "default"}
    assert {pod["serviceAccountName"] for _, pod in pods(objects)} <= accounts
    for one in objects:
        spec = one.get("spec", {})
        if "scaleTargetRef" in spec:
            assert spec["scaleTargetRef"]["name"] in deployments
        for trigger in spec.get("triggers", []):
            assert trigger["authenticationRef"]["name"] in of_kind(objects, "TriggerAuthentication")
        if one["kind"] == "HTTPRoute":
            [backend] = spec["rules"][0]["backendRefs"]
            assert backend["port"] in {port["port"] for port in services[backend["name"]]["spec"]["ports"]}
        if one["kind"] == "Ingress":
            [path] = spec["rules"][0]["http"]["paths"]
            assert path["backend"]["service"]["name"] in services


@each_set
def test_selectors_find_the_pods_of_their_component(values: str) -> None:
    objects = rendered(values)
    labels = [template["metadata"]["labels"] for template in templates(objects).values()]
    for one in objects:
        selector = _selector(one)
        assert selector is None or any(selector.items() <= pod.items() for pod in labels), one["metadata"]["name"]


def _selector(one: Object) -> dict[str, str] | None:
    spec = one.get("spec", {})
    selector: Any = spec.get("podSelector") or spec.get("selector")
    return None if selector is None else dict(selector.get("matchLabels", selector))


def test_two_releases_share_no_name_and_no_pod() -> None:
    one, two = rendered("both"), render(VALUES["both"], release="second")
    of_one, of_two = ({(each["kind"], each["metadata"]["name"]) for each in objects} for objects in (one, two))
    assert not of_one & of_two
    pods_of_two = [template["metadata"]["labels"] for template in templates(two).values()]
    selectors = [selector for each in one if (selector := _selector(each))]
    assert not [selector for selector in selectors if any(selector.items() <= pod.items() for pod in pods_of_two)]


def test_a_changed_setting_rolls_the_pods_that_read_it(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("consumer: {settings: {RABBITMQ_PREFETCH_COUNT: 50}}")
    assert checksums(render(file))["function"] == checksums(rendered("both"))["function"]
    assert checksums(render(file))["consumer"] != checksums(rendered("both"))["consumer"]
    file.write_text("settings: {LOG_LEVEL: DEBUG}")
    assert not checksums(render(file)).items() & checksums(rendered("both")).items()


def test_a_large_number_is_passed_on_as_it_was_written() -> None:
    [settings] = of_kind(rendered("function"), "ConfigMap").values()
    assert settings["data"]["CLIENT_NALOG_DAILY_LIMIT"] == "10000000"


@each_set
def test_a_component_survives_the_loss_of_a_node_or_a_zone_and_a_drain(values: str) -> None:
    objects = rendered(values)
    budgets = of_kind(objects, "PodDisruptionBudget")
    replicas = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"].get("minReplicas", one["spec"].get("minReplicaCount"))
        for one in objects
        if "scaleTargetRef" in one.get("spec", {})
    }
    for name, deployment in of_kind(objects, "Deployment").items():
        spec = deployment["spec"]
        assert spec.get("replicas", replicas.get(name)) > budgets[name]["spec"]["maxUnavailable"]
        assert ("replicas" in spec) != (name in replicas), "or each upgrade would set it back"
        spread = spec["template"]["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        # A pod that is not ready, for a server is down, would hold up the drain of its node.
        assert budgets[name]["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@each_set
def test_every_pod_s_metrics_can_be_scraped_by_whoever_is_let_in(values: str) -> None:
    objects = rendered(values)
    monitors = of_kind(objects, "PodMonitor")
    for component, template in templates(objects).items():
        [container] = template["spec"]["containers"]
        [port] = container["ports"]
        if monitors:
            [monitor] = monitors.values()
            endpoints = {(each["port"], each["path"]) for each in monitor["spec"]["podMetricsEndpoints"]}
            assert (port["name"], "/metrics") in endpoints
        else:
            notes = template["metadata"]["annotations"]
            where = (notes["prometheus.io/port"], notes["prometheus.io/path"])
            assert where == (str(port["containerPort"]), "/metrics")
        rules = of_kind(objects, "NetworkPolicy")[f"inn-{component}"]["spec"]["ingress"]
        let_in = {opened["port"] for rule in rules for opened in rule["ports"]}
        assert let_in & {port["name"], port["containerPort"]}


@pytest.mark.parametrize("values", ["consumer", "outside"])
def test_keda_counts_the_source_queue_where_the_settings_say_that_it_is(values: str) -> None:
    objects = rendered(values)
    [scaled] = of_kind(objects, "ScaledObject").values()
    [trigger] = scaled["spec"]["triggers"]
    [given] = [process.environment for process in processes(rendered(values)) if process.command == "consume"]
    metadata = trigger["metadata"]
    assert metadata["queueName"] == given["RABBITMQ_SOURCE_QUEUE_NAME"]
    assert scaled["spec"]["minReplicaCount"] >= 1
    # `behavior` is new in KEDA 2.17, and the admission of 2.17.0 refuses a fallback where no trigger names AverageValue.
    assert "behavior" in scaled["spec"]["fallback"]
    assert trigger["metricType"] == "AverageValue"
    [login] = of_kind(objects, "TriggerAuthentication").values()
    targets = {one["parameter"]: (one["name"], one["key"]) for one in login["spec"]["secretTargetRef"]}
    if "RABBITMQ_DSN" in given:
        # What stands in the metadata goes before the address.
        assert not {"host", "vhostName"} & set(metadata)
        assert targets == {"host": ("inn", "RABBITMQ_DSN")}
    else:
        assert metadata["vhostName"] == given["RABBITMQ_VHOST"]
        assert metadata["host"] == f"amqp://{given['RABBITMQ_HOST']}:{given['RABBITMQ_PORT']}/"
        assert targets == {
            "username": ("broker-default-user", "username"),
            "password": ("broker-default-user", "password"),
        }


def test_knative_runs_the_function_and_sends_it_events_of_its_type() -> None:
    objects = rendered("knative")
    assert not of_kind(objects, "Deployment")
    assert not of_kind(objects, "HorizontalPodAutoscaler")
    triggers = of_kind(objects, "Trigger")
    requested, completed = triggers["inn-requested"]["spec"], triggers["inn-completed"]["spec"]
    assert {requested["broker"], completed["broker"]} == set(of_kind(objects, "Broker"))
    assert requested["subscriber"]["ref"]["name"] in of_kind(objects, "Service")
    assert requested["delivery"]["deadLetterSink"]["ref"]["name"] == "unanswered"
    types = [trigger["filter"]["attributes"]["type"] for trigger in (requested, completed)]
    assert types == [REQUESTED, COMPLETED]


def test_knative_on_a_broker_that_is_there_makes_none_and_is_called_through_the_ingress_that_is_named() -> None:
    objects = rendered("knative-consumer")
    assert not of_kind(objects, "Broker")
    assert set(of_kind(objects, "Trigger")) == {"inn-requested"}
    policy = of_kind(rendered("knative"), "NetworkPolicy")["inn-function"]
    [expression] = policy["spec"]["ingress"][0]["from"][0]["namespaceSelector"]["matchExpressions"]
    assert set(expression["values"]) == {"knative-serving", "knative-eventing", "istio-system"}


def test_own_certificates_are_where_the_process_looks_for_them() -> None:
    for (_, pod), process in zip(pods(rendered("openshift")), processes(rendered("openshift")), strict=True):
        [folder] = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "ca"]
        assert process.environment["SSL_CERT_FILE"] == f"{folder}/ca.crt"
