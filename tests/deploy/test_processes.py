"""What every manifest gives each process: settings that exist, all that it needs, probes that are answered, time to end."""

import re
from pathlib import Path

import pytest

from adapters.cli.serve import GRACE_SEC
from adapters.composition.http_function import FETCH_GRACE_SEC
from adapters.config import secrets_manager
from adapters.config.settings import ALL_GROUPS, NalogSettings, load_all, load_core, names_of
from adapters.http.probes import FIRST_WAIT_SEC, Probes
from adapters.rabbitmq.lanes import DRAIN_SEC
from adapters.rabbitmq.publisher import CONFIRM_SEC
from tests.deploy.manifests import PLACES, SECRET, VALUES, Process, compose, of_kind, pods, rendered, template
from tests.deploy.tools import ROOT
from tests.doubles import Metrics

ALL_SETTINGS = {name for group in ALL_GROUPS for name in names_of(group).values()}
LOAD = {"serve": load_core, "consume": load_all}
OF_OTHERS = {"lambda": {"AWS_LWA_PORT", "AWS_LWA_READINESS_CHECK_PATH", secrets_manager.ID, secrets_manager.KEYS}}
"""What the Lambda Web Adapter reads, and where the settings of a Lambda function lie; else certificates for OpenSSL."""
VALID = {
    "MONGO_DSN": "mongodb://user:pass@host/",
    "RABBITMQ_DSN": "amqps://user:pass@host/",
    "CLIENT_NALOG_PROXY": "http://proxy:3128",
}
"""Secrets that cannot be any text."""


@pytest.mark.parametrize("place", PLACES)
def test_every_process_reads_all_that_it_is_given_and_starts_with_it(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for process in PLACES[place]():
        assert not set(process.environment) - process.known - OF_OTHERS.get(place, {"SSL_CERT_FILE"})
        for name in ALL_SETTINGS:
            monkeypatch.delenv(name, raising=False)
        for name, value in process.environment.items():
            if name in process.known:
                monkeypatch.setenv(name, VALID.get(name, value) if value == SECRET else value)
        LOAD[process.command]()


def test_compose_passes_every_setting_on() -> None:
    for process in PLACES["compose"]():
        assert set(process.environment) >= process.known


def test_the_function_is_given_nothing_of_the_broker_and_behind_knative_s_which_sends_none_no_tokens() -> None:
    for place, processes in PLACES.items():
        names = {name for process in processes() if process.command == "serve" for name in process.environment}
        assert names or place == "consumer"
        assert not [name for name in names if name.startswith("RABBITMQ_")]
        assert place != "knative" or "HTTP_TOKENS" not in names


def test_the_administrator_of_mongodb_is_known_to_mongodb_alone() -> None:
    told = {name for name, service in compose()["services"].items() if "ROOT" in str(service.get("environment"))}
    assert told == {"mongo", "mongo-init"}


@pytest.mark.parametrize("values", VALUES)
def test_no_secret_is_written_into_kubernetes_manifests(values: str) -> None:
    maps = of_kind(rendered(values), "ConfigMap")
    plain = {name for one in maps.values() for name in one["data"]}
    assert not {name for name in plain if re.search("KEY|PASS|TOKEN|DSN|USER$|PROXY", name)}
    assert not of_kind(rendered(values), "Secret")


def test_no_secret_is_put_into_the_configuration_of_a_lambda_function() -> None:
    properties = template()["Resources"]["Function"]["Properties"]
    variables = properties["Environment"]["Variables"]
    assert not {name for name in variables if re.search("(?<!SECRET_)KEYS|DSN|TOKENS|PASS|PROXY", name)}
    assert "resolve:" not in str(properties)
    # Whoever opens the URL must say who is answered: a secret without tokens ends the start.
    assert variables[secrets_manager.KEYS]["Fn::If"][0] == "OpenUrl"
    assert {"APP_SECRET_KEYS", "MONGO_DSN", "HTTP_TOKENS"} <= PLACES["lambda"]()[0].secrets
    [statement] = properties["Policies"][0]["Statement"]
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert "${SecretName}" in str(statement["Resource"])


ANSWERED = set(Probes({}, Metrics()).by_path)


@pytest.mark.parametrize("place", PLACES)
def test_probes_ask_what_is_answered_where_it_is_answered(place: str) -> None:
    for process in PLACES[place]():
        assert process.probes
        assert set(process.probes) <= ANSWERED
        assert set(process.probes.values()) == {int(process.environment["HTTP_PORT"])}


@pytest.mark.parametrize("place", [place for place in PLACES if place != "lambda"])
def test_a_process_that_is_probed_from_outside_listens_on_every_address(place: str) -> None:
    assert {process.environment["HTTP_HOST"] for process in PLACES[place]()} == {"0.0.0.0"}  # noqa: S104  # in a container


@pytest.mark.parametrize("values", VALUES)
def test_a_server_that_is_down_makes_no_pod_dead_and_restarts_none_at_its_start(values: str) -> None:
    for _, pod in pods(rendered(values)):
        [container] = pod["containers"]
        asked = {kind: container[kind]["httpGet"]["path"] for kind in container if kind.endswith("Probe")}
        assert asked.pop("readinessProbe") == "/readyz"
        assert set(asked.values()) == {"/livez"}
        assert container["readinessProbe"]["timeoutSeconds"] > FIRST_WAIT_SEC, "the first check takes as long"
    assert {process.environment["APP_START_TIMEOUT_SEC"] for process in PLACES[values]()} == {"0"}


def test_the_image_says_the_same_of_itself() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    port = re.findall(r"HTTP_PORT=(\d+)", dockerfile)
    assert re.findall(r"^EXPOSE (\d+)", dockerfile, re.MULTILINE) == port
    [healthcheck] = re.findall(r"^HEALTHCHECK .*\\\n.*", dockerfile, re.MULTILINE)
    assert set(re.findall(r"/\w+z\b", healthcheck)) == {"/livez"}
    assert "HTTP_PORT" in healthcheck


def test_compose_waits_longer_for_a_probe_than_the_first_look_takes() -> None:
    for name in ("function", "consumer"):
        healthcheck = compose()["services"][name]["healthcheck"]
        [asked] = re.findall(r"timeout=(\d+)", healthcheck["test"][-1])
        assert float(healthcheck["timeout"].removesuffix("s")) > float(asked) > FIRST_WAIT_SEC


STORE_CALLS = 4  # of one fetch: claim, permit, circuit, save
STORE_CALL_SEC = 4  # twice the time limit of a call, for it may wait for another
AFTER_THE_DRAIN_SEC = CONFIRM_SEC + 15
"""To hand back what is left, confirmed by a broker that may be slow, close the connections and send the last spans."""
AFTER_THE_FETCHES_SEC = 10  # to give back the claims of what is left, close the connections and send the last spans


def longest_fetch(timeout: float) -> float:
    """Seconds that one fetch can block a thread: an exchange with each provider, and the store's calls around them."""
    return 2 * timeout + STORE_CALLS * STORE_CALL_SEC


def _killed(command: str, place: str) -> list[tuple[Process, float]]:
    """What runs this command there and has a grace period, with it."""
    found = [process for process in PLACES[place]() if process.command == command]
    return [(process, process.grace) for process in found if process.grace is not None]


@pytest.mark.parametrize("place", PLACES)
def test_a_process_ends_its_lookups_within_its_drain_and_that_before_the_kill(place: str) -> None:
    for function, grace in _killed("serve", place):
        ending = float(function.environment["APP_LOOKUP_DEADLINE_SEC"]) + GRACE_SEC + FETCH_GRACE_SEC
        assert longest_fetch(float(function.environment["CLIENT_NALOG_TIMEOUT_SEC"])) <= ending
        assert function.pause + ending + AFTER_THE_FETCHES_SEC < grace
    for consumer, grace in _killed("consume", place):
        assert longest_fetch(float(consumer.environment["CLIENT_NALOG_TIMEOUT_SEC"])) < DRAIN_SEC
        assert grace > DRAIN_SEC + AFTER_THE_DRAIN_SEC


def test_all_but_lambda_and_consumers_alone_have_a_function_with_a_grace_period() -> None:
    assert {place for place in PLACES if not _killed("serve", place)} == {"lambda", "consumer"}


def test_a_consumer_that_is_told_no_limit_ends_its_lookups_within_its_drain() -> None:
    assert longest_fetch(NalogSettings.model_fields["timeout_sec"].default) < DRAIN_SEC


def test_lambda_does_not_end_a_lookup_that_is_still_within_its_deadline() -> None:
    [function] = PLACES["lambda"]()
    assert template()["Resources"]["Function"]["Properties"]["Timeout"] > float(
        function.environment["APP_LOOKUP_DEADLINE_SEC"]
    )
