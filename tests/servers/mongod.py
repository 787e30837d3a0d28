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
CACHE_GB = 0.25  # of memory for a server's data

FAULTS_ON_DEMAND = "enableTestCommands=1"  # the parameter of a server that `keep_indexes_waiting` works on

_START_SEC = 60
_LISTENING = "Waiting for connections"  # what its log says then

_OPTIONS = (
    *("--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
)

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
        server = self.server = start([MONGOD.path(), *place, *_OPTIONS, *self.options], log=log, grace=1)
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

    def command(self, name: str, value: object = 1, **arguments: Any) -> dict[str, Any]:
        """Run a command of the database `admin` on this member alone; nobody logs in."""
        uri = f"mongodb://{self.address}/?directConnection=true"
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=2000, socketTimeoutMS=10000) as client:
            return dict(client.admin.command(name, value, **arguments))

    def make_root(self) -> str:
        """Make a user who may do everything; the first one needs no login. Returns the password."""
        password = secrets.token_urlsafe(12)
        self.command("createUser", USER, pwd=password, roles=["root"])
        return password


@dataclass
class Mongo:
    """A running deployment. `password` is "" where anybody may do anything; `members` is empty for a given server."""

    uri: str
    password: str = ""
    members: list[Member] = field(default_factory=list)

    def primary(self) -> Member:
        """The member that takes writes now; waits for an election."""
        return wait_for(lambda: next(filter(_writable, self.members), None), within=_START_SEC, what="a primary")


@contextmanager
def given_or_private() -> Iterator[Mongo]:
    """The server that INN_TEST_MONGO_URI names, or a private replica set of one."""
    if uri := os.environ.get(GIVEN_VARIABLE):
        yield Mongo(uri)
    else:
        with replica_set(1) as mongo:
            yield mongo


@contextmanager
def standalone(*, auth: bool = False, parameters: tuple[str, ...] = ()) -> Iterator[Mongo]:
    """A mongod by itself. `parameters`: `name=value` for setParameter."""
    given = [option for parameter in parameters for option in ("--setParameter", parameter)]
    with _running(1, *given, *(["--auth"] if auth else [])) as [member]:
        password = member.make_root() if auth else ""
        yield Mongo(f"mongodb://{_login(password)}{member.address}/?directConnection=true", password, [member])


@contextmanager
def replica_set(size: int, *, auth: bool = False, cache_gb: float = CACHE_GB) -> Iterator[Mongo]:
    """A replica set with a primary, its members up to date."""
    key = secrets.token_hex(32) if auth else ""
    with _running(size, "--replSet", REPLICA_SET, "--oplogSize", "64", cache_gb=cache_gb, key=key) as members:
        seats = [{"_id": number, "host": member.address} for number, member in enumerate(members)]
        config = {"_id": REPLICA_SET, "members": seats, "settings": _ELECTIONS}
        members[0].command("replSetInitiate", config)
        wait_for(lambda: all(map(_settled, members)), within=_START_SEC, what="a settled replica set")
        mongo = Mongo("", members=members)
        mongo.password = mongo.primary().make_root() if auth else ""
        hosts = ",".join(member.address for member in members)
        mongo.uri = f"mongodb://{_login(mongo.password)}{hosts}/?replicaSet={REPLICA_SET}"
        yield mongo


def keep_indexes_waiting(mongo: Mongo, seconds: float) -> None:
    """From now on the answer to whoever makes an index comes so late."""
    data = {"failCommands": ["createIndexes"], "blockConnection": True, "blockTimeMS": round(seconds * 1000)}
    mongo.primary().command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)


@contextmanager
def _running(size: int, *options: str, cache_gb: float = CACHE_GB, key: str = "") -> Iterator[list[Member]]:
    """Members of a deployment, each in a folder that goes with it. `key`: by which they know one another."""
    with ExitStack() as stack:
        members = []
        for _ in range(size):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inn-mongod-")))
            (folder / "key").touch(0o600)
            (folder / "key").write_text(key)
            login = ("--keyFile", str(folder / "key")) if key else ()
            member = Member(folder, ("--wiredTigerCacheSizeGB", str(cache_gb), *options, *login))
            members.append(member)
            # Its data go with it: a polite end of a replica set's member takes ten seconds and saves nothing.
            stack.callback(member.kill)
            member.start()
        yield members


def _settled(member: Member) -> bool:
    hello = member.command("hello")
    return bool(hello["isWritablePrimary"] or hello["secondary"])


def _writable(member: Member) -> bool:
    with suppress(PyMongoError):
        return bool(member.command("hello")["isWritablePrimary"])
    return False


def _login(password: str) -> str:
    return f"{USER}:{password}@" if password else ""
