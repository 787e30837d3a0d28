"""The image, built from the unmodified Dockerfile, and private servers with users and passwords for its containers."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import urllib3
from pymongo import MongoClient

from local_runtime.emulator.process import Emulator
from tests.deploy.manifests import SECRET, Object, in_kubernetes, pods, rendered
from tests.deploy.tools import ROOT
from tests.image import stand_in
from tests.image.podman import Container, Podman, variables
from tests.servers.mongod import REPLICA_SET, Mongo, replica_set
from tests.servers.process import free_port, wait_for
from tests.servers.rabbitmq import PASSWORD, USER, Node, rabbitmq

IMAGE = "localhost/inn-service:test"
MONGO_USER = "inn"
MONGO_PASSWORD = "inn/pass:word"
KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "invented-token"
START_SEC = 60.0


@pytest.fixture(scope="session")
def podman() -> Podman:
    return Podman(ROOT / "build" / "podman")


@pytest.fixture(scope="session")
def stand_ins(podman: Podman) -> list[str]:
    return stand_in.provide(podman, (ROOT / "Dockerfile").read_text())


@pytest.fixture(scope="session")
def image(podman: Podman, stand_ins: list[str]) -> str:
    with tempfile.TemporaryDirectory(prefix="inn-context-") as folder:
        context = Path(folder) / "context"
        _copy_of_the_project(context)
        podman.build(IMAGE, context)
    return IMAGE


def _copy_of_the_project(context: Path) -> None:
    """What git would hand out, and secrets that somebody left about."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        target = context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    for place in (".env", "function/.env", "adapters/http/.env.local"):
        (context / place).write_text("APP_SECRET_KEYS=left-about\n")


@dataclass(frozen=True)
class Servers:
    """Where the containers find what they need, as settings."""

    emulator: Emulator
    node: Node
    settings: Mapping[str, str]

    @property
    def lambda_secret(self) -> dict[str, str]:
        """What the secret of template.yaml holds, which knows MongoDB by its address as a whole."""
        given = self.settings
        login = f"{quote(given['MONGO_USER'], safe='')}:{quote(given['MONGO_PASS'], safe='')}"
        dsn = f"mongodb://{login}@{given['MONGO_HOST']}/?authSource=admin&replicaSet={given['MONGO_RS']}"
        return {
            "MONGO_DSN": dsn,
            **{name: given[name] for name in ("APP_SECRET_KEYS", "HTTP_TOKENS")},
        }


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        mongo = stack.enter_context(replica_set(1, auth=True))
        _make_user(mongo)
        node = stack.enter_context(rabbitmq(tmp_path_factory.mktemp("rabbitmq")))
        emulator = stack.enter_context(Emulator("--pending", "1"))
        yield Servers(
            emulator,
            node,
            {
                "MONGO_HOST": mongo.members[0].address,
                "MONGO_RS": REPLICA_SET,
                "MONGO_USER": MONGO_USER,
                "MONGO_PASS": MONGO_PASSWORD,
                "RABBITMQ_HOST": "127.0.0.1",
                "RABBITMQ_PORT": str(node.port),
                "RABBITMQ_USER": USER,
                "RABBITMQ_PASS": PASSWORD,
                "CLIENT_NALOG_URL": emulator.url,
                "APP_SECRET_KEYS": KEY,
                "HTTP_TOKENS": TOKEN,
            },
        )


def _make_user(mongo: Mongo) -> None:
    """The service's own user, as deploy/compose/mongo-init.js makes it: one database and no more."""
    role = {"role": "readWrite", "db": "inn"}
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        client.admin.command("createUser", MONGO_USER, pwd=MONGO_PASSWORD, roles=[role])


@dataclass(frozen=True)
class Running:
    """One of our processes in a container, with what its manifest says of it."""

    container: Container
    port: int
    grace: int

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        """Ask one of its probes."""
        return urllib3.request("GET", f"http://127.0.0.1:{self.port}{path}", retries=False, timeout=5)

    def ready(self) -> bool:
        """Whether it says that it can do its work. Fails where it has ended."""
        return self.answers("/readyz")

    def answers(self, path: str) -> bool:
        """Whether it answers this with 200. Fails where it has ended."""
        assert self.container.inspect()["State"]["Running"], self.container.log()
        try:
            return self.get(path).status == 200
        except urllib3.exceptions.HTTPError:
            return False


Start = Callable[[str], Running]


@pytest.fixture
def start(podman: Podman, image: str, servers: Servers) -> Iterator[Start]:
    """Run a process as the Kubernetes manifest would: its arguments, environment, rights and limits."""
    with ExitStack() as stack:
        yield lambda command: stack.enter_context(_started(podman, image, command, servers))


@contextmanager
def _started(podman: Podman, image: str, command: str, servers: Servers) -> Iterator[Running]:
    [pod] = [pod for _, pod in pods(rendered("both")) if pod["containers"][0]["args"] == [command]]
    [process] = [process for process in in_kubernetes("both") if process.command == command]
    # All containers share this machine's ports.
    port = free_port()
    given = {
        name: value for name, value in servers.settings.items() if name in {*process.environment, *process.secrets}
    }
    assert {name for name, value in process.environment.items() if value == SECRET} <= set(given)
    environment = {**process.environment, **given, "HTTP_PORT": str(port)}
    with podman.container(image, [*_rights(pod), *variables(environment)], [command]) as container:
        running = Running(container, port, pod["terminationGracePeriodSeconds"])
        wait_for(running.ready, within=START_SEC, what=f"{command} is ready")
        yield running


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


@pytest.fixture
def found(servers: Servers) -> list[dict[str, Any]]:
    """The emulator's invented people whom it finds: request and INN of each."""
    return [person for person in servers.emulator.people() if person["ending"] == "found"]
