"""Every manifest gives each process settings that exist, and all that it cannot start without."""

import re
from pathlib import Path

import pytest

from adapters.config import secrets_manager
from adapters.config.settings import ALL_GROUPS, load_all, load_core, names_of
from tests.deploy.manifests import PLACES, SECRET, VALUES, compose, of_kind, rendered, template

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
