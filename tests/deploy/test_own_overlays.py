"""The overlays that docs/deploying.md tells the reader to write: they lead to the servers that they name."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from adapters.config.settings import load_all
from tests.deploy.manifests import SECRET, Object, of_kind, processes, render, rendered
from tests.deploy.policies import assert_keda_counts_what_is_consumed, assert_leads_to_the_servers, doors
from tests.deploy.schemas import VERSIONS, assert_core_kinds_fit, complaints_of_custom_kinds
from tests.deploy.tools import ROOT
from tests.docs.shown import DEPLOYING, blocks, overlays

WITHIN, OUTSIDE, KNATIVE = range(3)
"""The overlays in the order of the page: servers in the cluster, servers outside of it, Knative's own."""
PORTS = {"mongodb": 27017, "amqps": 5671}


@pytest.fixture(scope="module")
def yours(tmp_path_factory: pytest.TempPathFactory) -> Sequence[tuple[Object, ...]]:
    """What each of them renders."""
    copied = tmp_path_factory.mktemp("deploy") / "kubernetes"
    shutil.copytree(ROOT / "deploy/kubernetes", copied)
    return [_rendered(copied / "overlays" / f"yours-{number}", text) for number, text in enumerate(overlays())]


def _rendered(folder: Path, text: str) -> tuple[Object, ...]:
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(text)
    return render(folder)


@pytest.fixture(scope="module")
def secret() -> dict[str, str]:
    """What the page puts into the secret for servers outside."""
    [words] = [words for block in blocks(DEPLOYING) if "MONGO_DSN=" in block.script for words in block.commands()]
    literals = [word.removeprefix("--from-literal=") for word in words if word.startswith("--from-literal=")]
    held = dict(literal.split("=", 1) for literal in literals)
    # A shell puts a key in where a command stands.
    return {name: SECRET if value.startswith("$(") else value for name, value in held.items()}


def test_they_meet_their_schemas(yours: Sequence[tuple[Object, ...]]) -> None:
    for objects in yours:
        assert_core_kinds_fit(objects, VERSIONS[-1])
        assert not complaints_of_custom_kinds(objects)


def test_own_servers_in_the_cluster_are_let_through_and_counted(yours: Sequence[tuple[Object, ...]]) -> None:
    policies = of_kind(yours[WITHIN], "NetworkPolicy")
    assert doors(policies["inn-mongodb"]) == {("databases", 27017)}
    assert doors(policies["inn-rabbitmq"]) == {("queues", 5672), ("queues", 5671)}
    assert_leads_to_the_servers(yours[WITHIN])
    assert_keda_counts_what_is_consumed(yours[WITHIN])


@pytest.mark.parametrize("over", ["../../base", "../knative"])
def test_own_servers_are_let_through_without_keda_too(tmp_path: Path, over: str) -> None:
    shutil.copytree(ROOT / "deploy/kubernetes", tmp_path / "kubernetes")
    text = overlays()[WITHIN].replace("- ../keda", f"- {over}")
    assert_leads_to_the_servers(_rendered(tmp_path / "kubernetes/overlays/yours", text))


def test_servers_outside_of_it_are_let_through_on_the_ports_of_their_addresses(
    yours: Sequence[tuple[Object, ...]], secret: Mapping[str, str]
) -> None:
    policies = of_kind(yours[OUTSIDE], "NetworkPolicy")
    for name, policy in (("MONGO_DSN", "inn-mongodb"), ("RABBITMQ_DSN", "inn-rabbitmq")):
        [(peer, port)] = doors(policies[policy])
        assert "/" in peer, "a network, and no namespace"
        assert port == PORTS[urlsplit(secret[name]).scheme]


def test_keda_asks_the_server_outside_by_the_address_of_the_secret(yours: Sequence[tuple[Object, ...]]) -> None:
    [login] = of_kind(yours[OUTSIDE], "TriggerAuthentication").values()
    assert login["spec"]["secretTargetRef"] == [{"parameter": "host", "name": "inn", "key": "RABBITMQ_DSN"}]
    [scaled] = of_kind(yours[OUTSIDE], "ScaledObject").values()
    # What stands here goes before the address.
    assert not {"host", "vhostName"} & set(scaled["spec"]["triggers"][0]["metadata"])


def test_an_event_that_ends_without_an_answer_goes_somewhere(yours: Sequence[tuple[Object, ...]]) -> None:
    [trigger], [bare] = (
        of_kind(objects, "Trigger").values() for objects in (yours[KNATIVE], rendered("overlays/knative"))
    )
    delivery = trigger["spec"]["delivery"]
    assert delivery["deadLetterSink"]["ref"].keys() == {"apiVersion", "kind", "name", "namespace"}
    # Beside what is there, not instead of it.
    assert delivery.items() > bare["spec"]["delivery"].items()


def test_both_processes_take_the_addresses_of_the_secret(
    yours: Sequence[tuple[Object, ...]], secret: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    [consumer] = [process for process in processes(yours[OUTSIDE]) if process.command == "consume"]
    for name, value in consumer.given(secret).items():
        monkeypatch.setenv(name, value)
    core, rabbit = load_all()
    assert (core.mongo.uri, rabbit.uri) == (secret["MONGO_DSN"], secret["RABBITMQ_DSN"])
