"""Every manifest gives each process settings that exist, and all that it cannot start without."""

import re
from pathlib import Path

import pytest

from adapters.config.settings import ALL_GROUPS, load_all, load_core, names_of
from tests.deploy.manifests import PLACES, SECRET, compose, in_kubernetes, of_kind, rendered, template
from tests.deploy.tools import ROOT

ALL_SETTINGS = {name for group in ALL_GROUPS for name in names_of(group).values()}
LOAD = {"serve": load_core, "consume": load_all}
ADAPTER_OF_LAMBDA = {"AWS_LWA_PORT", "AWS_LWA_READINESS_CHECK_PATH"}
VALID = {"MONGO_DSN": "mongodb://user:pass@host/", "RABBITMQ_DSN": "amqps://user:pass@host/"}
"""Secrets that cannot be any text."""
LOGINS = {"MONGO_USER", "MONGO_PASS", "RABBITMQ_USER", "RABBITMQ_PASS"}
WAYS = {"addresses": set(VALID), "logins": LOGINS}
"""How MongoDB and RabbitMQ can be told: as a whole, or by user and password beside an address."""


@pytest.mark.parametrize("place", PLACES)
def test_every_variable_is_a_setting_that_the_process_reads(place: str) -> None:
    for process in PLACES[place]():
        given = set(process.environment) | process.optional
        assert not given - process.known - (ADAPTER_OF_LAMBDA if place == "lambda" else set())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_every_process_starts_with_what_it_is_given(
    place: str, way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for process in PLACES[place]():
        for name in ALL_SETTINGS:
            monkeypatch.delenv(name, raising=False)
        held = process.secrets - (process.optional - WAYS[way])
        for name, value in process.given({name: VALID.get(name, SECRET) for name in held}).items():
            monkeypatch.setenv(name, value)
        LOAD[process.command]()


def test_compose_passes_every_setting_on() -> None:
    for process in PLACES["compose"]():
        assert set(process.environment) >= process.known


def test_the_function_is_given_no_password_of_the_broker() -> None:
    given = {place: [p for p in PLACES[place]() if p.command == "serve"] for place in PLACES}
    assert all(processes for processes in given.values())
    names = {name for processes in given.values() for one in processes for name in (*one.environment, *one.optional)}
    assert "MONGO_DSN" in names
    assert not [name for name in names if name.startswith("RABBITMQ_")]


def test_the_administrator_of_mongodb_is_known_to_mongodb_alone() -> None:
    told = {name for name, service in compose()["services"].items() if "ROOT" in str(service.get("environment"))}
    assert told == {"mongo", "mongo-init"}


@pytest.mark.parametrize("folder", ["base", "overlays/keda", "overlays/knative"])
def test_no_secret_is_written_into_kubernetes_manifests(folder: str) -> None:
    maps = of_kind(rendered(folder), "ConfigMap")
    plain = {name for one in maps.values() for name in one["data"]}
    assert not {name for name in plain if re.search("KEY|PASS|TOKEN|DSN|USER$|PROXY", name)}
    assert not of_kind(rendered(folder), "Secret")


def test_secrets_reach_lambda_by_dynamic_references_alone() -> None:
    variables = template()["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    secrets = {name: value for name, value in variables.items() if re.search("KEYS|DSN|TOKENS", name)}
    assert set(secrets) == {"APP_SECRET_KEYS", "MONGO_DSN", "HTTP_TOKENS"}
    assert all("{{resolve:secretsmanager:" in str(value) for value in secrets.values())


def test_the_base_says_which_keys_its_secret_needs() -> None:
    wanted = {name for process in in_kubernetes("base") for name in process.secrets}
    explained = (ROOT / "deploy/kubernetes/base/kustomization.yaml").read_text().partition("apiVersion")[0]
    assert {"MONGO_DSN", "RABBITMQ_DSN"} <= wanted
    assert not {name for name in wanted if not re.search(rf"\b{name}\b", explained)}
