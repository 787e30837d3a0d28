"""A private MongoDB: standalone, or a replica set of any size, with authentication if wanted."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.servers.process import Server, free_port, start, wait_for
from tests.servers.programs import MONGOD

GIVEN_VARIABLE = "INN_TEST_MONGO_URI"
REPLICA_SET = "inn"
USER = "root"
CACHE_GB = 0.25
"""Of memory for a server's data."""

FAULTS_ON_DEMAND = "enableTestCommands=1"
"""The parameter of a server that `keep_indexes_waiting` works on."""

_START_SEC = 60
_LISTENING = "Waiting for connections"
"""What its log says then."""

# Quick to notice a dead primary, and slow enough for a machine under load.
_ELECTIONS = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}


@dataclass
class Member:
    """One mongod, its folder and port; it can be killed and started again on the same data."""

    folder: Path
    options: tuple[str, ...]
    port: int = field(default_factory=free_port)
    server: Server | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        place = ("--dbpath", str(self.folder), "--port", str(self.port))
        log = self.folder / "mongod.log"
        log.unlink(missing_ok=True)
        server = self.server = start([MONGOD.path(), *place, *_COMMON, *self.options], log=log, grace=1)
        # Asked over the network, another's mongod on this port might answer.
        wait_for(
            lambda: _LISTENING in log.read_text(errors="replace"),
            within=_START_SEC,
            what=f"mongod on port {self.port}",
            server=server,
        )

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        if self.server:
            self.server.kill()

    def hello(self) -> dict[str, Any]:
        """What it says of itself."""
        with _client(f"mongodb://{self.address}/?directConnection=true") as client:
            return dict(client.admin.command("hello"))


_COMMON = (
    *("--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
)


@dataclass
class Mongo:
    """A running deployment. `password` is "" where anybody may do anything; `members` is empty for a given server."""

    uri: str
    password: str = ""
    members: list[Member] = field(default_factory=list)

    def primary(self) -> Member:
        """The member that takes writes now; waits for an election."""

        def found() -> Member | None:
            return next((member for member in self.members if _writable(member)), None)

        member = wait_for(found, within=_START_SEC, what="a primary")
        assert member is not None  # wait_for ends with a true value only
        return member


@contextmanager
def given_or_private() -> Iterator[Mongo]:
    """The server that INN_TEST_MONGO_URI names, or a private replica set of one."""
    if uri := os.environ.get(GIVEN_VARIABLE):
        yield Mongo(uri)
    else:
        with replica_set(1) as mongo:
            yield mongo


@contextmanager
def standalone(*, auth: bool = False, parameters: tuple[str, ...] = (), cache_gb: float = CACHE_GB) -> Iterator[Mongo]:
    """A mongod by itself. `parameters`: `name=value` for setParameter."""
    options = _options(parameters, cache_gb)
    with ExitStack() as stack:
        member = _member(stack, [*options, "--auth"] if auth else options)
        password = _root(member.address) if auth else ""
        yield Mongo(f"mongodb://{_login(password)}{member.address}/?directConnection=true", password, [member])


@contextmanager
def replica_set(
    size: int, *, auth: bool = False, parameters: tuple[str, ...] = (), cache_gb: float = CACHE_GB
) -> Iterator[Mongo]:
    """A replica set with a primary, its members up to date."""
    with ExitStack() as stack:
        options = ["--replSet", REPLICA_SET, "--oplogSize", "64", *_options(parameters, cache_gb)]
        if auth:
            options += ["--keyFile", str(_key_file(stack))]
        members = [_member(stack, options) for _ in range(size)]
        _initiate(members)
        mongo = Mongo("", members=members)
        wait_for(lambda: all(_settled(member) for member in members), within=_START_SEC, what="a settled replica set")
        mongo.password = _root(mongo.primary().address) if auth else ""
        hosts = ",".join(member.address for member in members)
        mongo.uri = f"mongodb://{_login(mongo.password)}{hosts}/?replicaSet={REPLICA_SET}"
        yield mongo


def keep_indexes_waiting(mongo: Mongo, seconds: float) -> None:
    """From now on the answer to whoever makes an index comes so late."""
    data = {"failCommands": ["createIndexes"], "blockConnection": True, "blockTimeMS": round(seconds * 1000)}
    with _client(mongo.uri) as client:
        client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)


def _options(parameters: tuple[str, ...], cache_gb: float) -> list[str]:
    given = [option for parameter in parameters for option in ("--setParameter", parameter)]
    return ["--wiredTigerCacheSizeGB", str(cache_gb), *given]


def _member(stack: ExitStack, options: list[str]) -> Member:
    member = Member(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inn-mongod-"))), tuple(options))
    # Its data go with it: a polite end of a replica set's member takes ten seconds and saves nothing.
    stack.callback(member.kill)
    member.start()
    return member


def _initiate(members: list[Member]) -> None:
    seats = [{"_id": number, "host": member.address} for number, member in enumerate(members)]
    config = {"_id": REPLICA_SET, "members": seats, "settings": _ELECTIONS}
    with _client(f"mongodb://{members[0].address}/?directConnection=true") as client:
        client.admin.command("replSetInitiate", config)


def _settled(member: Member) -> bool:
    hello = member.hello()
    return bool(hello["isWritablePrimary"] or hello["secondary"])


def _writable(member: Member) -> bool:
    with suppress(PyMongoError):
        return bool(member.hello()["isWritablePrimary"])
    return False


def _root(address: str) -> str:
    """The password of a new user who may do everything; the first user needs no login."""
    password = secrets.token_urlsafe(12)
    with _client(f"mongodb://{address}/?directConnection=true") as client:
        client.admin.command("createUser", USER, pwd=password, roles=["root"])
    return password


def _login(password: str) -> str:
    return f"{USER}:{password}@" if password else ""


def _key_file(stack: ExitStack) -> Path:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inn-mongod-key-")))
    key = folder / "key"
    key.touch(0o600)
    key.write_text(secrets.token_hex(32))
    return key


def _client(uri: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, serverSelectionTimeoutMS=2000, connectTimeoutMS=2000, socketTimeoutMS=10000)
