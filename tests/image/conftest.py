"""The image, built from the unmodified Dockerfile, and private servers with users and passwords for its containers."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from local_runtime.emulator.process import Emulator
from tests.deploy.manifests import Object, pods, processes, rendered
from tests.deploy.tools import ROOT
from tests.image import stand_in
from tests.image.podman import Container, Podman
from tests.servers.mongod import REPLICA_SET, replica_set
from tests.servers.process import free_port, wait_for
from tests.servers.rabbitmq import PASSWORD, USER, Node

IMAGE = "localhost/inn-service:test"
MONGO_USER = "inn"
MONGO_PASSWORD = "inn/pass:word"
TOKEN = "invented-token"
START_SEC = 60.0
COPY = (
    'git ls-files --cached --others --exclude-standard -z | tar --create --null --files-from=- | tar --extract -C "$0"'
)
"""What git would hand out, into a folder."""


@pytest.fixture(scope="session")
def podman() -> Podman:
    return Podman(ROOT / "build" / "podman")


@pytest.fixture(scope="session")
def image(podman: Podman) -> str:
    """Made of what git would hand out, where somebody left secrets about."""
    stand_in.provide(podman, (ROOT / "Dockerfile").read_text())
    with tempfile.TemporaryDirectory(prefix="inn-context-") as context:
        subprocess.run(["bash", "-o", "pipefail", "-c", COPY, context], cwd=ROOT, check=True)
        for place in (".env", "function/.env", "adapters/http/.env.local"):
            (Path(context) / place).write_text("APP_SECRET_KEYS=left-about\n")
        podman.build(IMAGE, Path(context))
    return IMAGE


@dataclass(frozen=True)
class Servers:
    """Where the containers find what they need, as settings; and the request and the INN of invented people."""

    node: Node
    settings: Mapping[str, str]
    found: list[dict[str, Any]]


@pytest.fixture(scope="session")
def servers(node: Node, tax_service: Emulator) -> Iterator[Servers]:
    tax_service.control(pending=1)
    with replica_set(1, auth=True) as mongo:
        with MongoClient[dict[str, Any]](mongo.uri) as client:
            # The service's own user, as deploy/compose/mongo-init.js makes it: one database and no more.
            role = {"role": "readWrite", "db": "inn"}
            client.admin.command("createUser", MONGO_USER, pwd=MONGO_PASSWORD, roles=[role])
        settings = {
            "MONGO_HOST": mongo.members[0].address,
            "MONGO_RS": REPLICA_SET,
            "MONGO_USER": MONGO_USER,
            "MONGO_PASS": MONGO_PASSWORD,
            "RABBITMQ_HOST": "127.0.0.1",
            "RABBITMQ_PORT": str(node.port),
            "RABBITMQ_USER": USER,
            "RABBITMQ_PASS": PASSWORD,
            "CLIENT_NALOG_URL": tax_service.url,
            "APP_SECRET_KEYS": "0123456789abcdef0123456789abcdef",
            "HTTP_TOKENS": TOKEN,
        }
        yield Servers(node, settings, [person for person in tax_service.people() if person["ending"] == "found"])


Start = Callable[[str], Container]


@pytest.fixture
def start(podman: Podman, image: str, servers: Servers) -> Iterator[Start]:
    """Run a process as the Kubernetes manifest would: its arguments, environment, rights and limits."""
    with ExitStack() as stack:

        def run(command: str) -> Container:
            [pod] = [pod for _, pod in pods(rendered("both")) if pod["containers"][0]["args"] == [command]]
            [process] = [process for process in processes(rendered("both")) if process.command == command]
            given = {name: servers.settings[name] for name in process.environment.keys() & servers.settings.keys()}
            assert process.secrets <= given.keys()
            # All containers share this machine's ports.
            environment = {**process.environment, **given, "HTTP_PORT": str(free_port())}
            grace = pod["terminationGracePeriodSeconds"]
            container = stack.enter_context(podman.container(image, _rights(pod), [command], environment, grace))
            wait_for(container.answers, within=START_SEC, what=f"{command} is ready")
            return container

        yield run


def _rights(pod: Object) -> list[str]:
    [container] = pod["containers"]
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    [mount] = [volume["mountPath"] for volume in container["volumeMounts"]]
    size = pod["volumes"][0]["emptyDir"]["sizeLimit"].removesuffix("i").lower()
    memory = container["resources"]["limits"]["memory"].removesuffix("i").lower()
    return [
        *("--read-only", "--read-only-tmpfs=false", "--tmpfs", f"{mount}:size={size},mode=1777"),
        *(f"--cap-drop={name}" for name in context["capabilities"]["drop"]),
        *("--security-opt=no-new-privileges", f"--memory={memory}", f"--memory-swap={memory}"),
    ]
