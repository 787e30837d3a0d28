"""docker-compose.yaml: its schema, what is published, and the order of the start."""

import re
import tomllib
from urllib.parse import urlsplit

import pytest

from adapters.rabbitmq.messages import MAX_BODY_BYTES
from tests.deploy.manifests import EXAMPLE, Object, compose
from tests.deploy.tools import ROOT, complaints

SERVICES: dict[str, Object] = compose()["services"]
OURS = ("function", "consumer", "emulator", "playground")


def test_it_meets_the_compose_specification() -> None:
    assert not complaints("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yaml")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_pinned_bounded_and_ours_has_no_rights(name: str) -> None:
    service, version = SERVICES[name], tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    options = {"max-size": EXAMPLE["LOGS_MAX_SIZE"], "max-file": EXAMPLE["LOGS_MAX_FILES"]}
    assert service["logging"] == {"driver": "json-file", "options": options}
    assert name == "mongo-init" or "mem_limit" in service
    assert name in ("mongo-init", "playground") or service["healthcheck"]["test"][0] == "CMD"
    assert ("build" in service) == (name == "function"), "one makes the image of all of ours"
    if name in OURS:
        assert service["image"] == f"inn-service:{version}"
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), "and a root that cannot be written"
        assert service["security_opt"] == ["no-new-privileges:true"]
    else:
        assert re.search(r":\d+\.\d+\.\d+(-management)?$", service["image"])


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_emulated_services_run_under_their_profile_alone() -> None:
    profiles = {name for name, service in SERVICES.items() if service.get("profiles") == ["emulator"]}
    assert profiles == {"emulator", "playground"}


def test_our_processes_wait_for_their_servers() -> None:
    prepared = {"mongo-init": {"condition": "service_completed_successfully"}}
    assert SERVICES["function"]["depends_on"] == prepared
    assert SERVICES["consumer"]["depends_on"] == {**prepared, "rabbitmq": {"condition": "service_healthy"}}
    assert SERVICES["mongo-init"]["depends_on"] == {"mongo": {"condition": "service_healthy"}}


def test_the_servers_data_are_kept_in_named_volumes() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    mounted = {mount.partition(":")[0] for mount in mounts if not mount.startswith(".")}
    assert mounted == set(compose()["volumes"]) == {"mongo-data", "mongo-key", "rabbitmq-data"}


def test_the_broker_takes_no_message_much_larger_than_the_service_reads() -> None:
    """And those a little larger, so that who sent one is told what is wrong."""
    [file] = re.findall(r"\./(\S+):/etc/rabbitmq/conf\.d/[\w-]+\.conf:ro", "\n".join(SERVICES["rabbitmq"]["volumes"]))
    [size] = re.findall(r"^max_message_size = (\d+)$", (ROOT / file).read_text(), re.MULTILINE)
    assert MAX_BODY_BYTES < int(size) <= 2 * MAX_BODY_BYTES


def test_a_database_of_the_emulated_tax_service_is_told_by_the_name_of_its_container() -> None:
    script = (ROOT / "deploy/compose/mongo-init.js").read_text()
    [host] = re.findall(r'hostname === "(\w+)"', script)
    assert host in SERVICES
    assert urlsplit(EXAMPLE["CLIENT_NALOG_URL"] or "").hostname == host


def test_every_variable_that_it_reads_is_explained_in_the_example() -> None:
    read = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yaml").read_text()))
    explained = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    # Compose itself reads the profiles, and how to build; inside a container the function listens on all addresses.
    assert read == explained - {"COMPOSE_PROFILES", "BUILDX_NO_DEFAULT_ATTESTATIONS", "HTTP_HOST"}
