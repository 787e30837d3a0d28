"""What many tests share: servers, each started when it is first wanted and ended with the run; and how tests are run."""

import os
import random
import signal
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from adapters.config.settings import ALL_GROUPS, names_of
from local_runtime.emulator.process import Emulator
from tests.servers.mongod import Mongo, given_or_private
from tests.servers.rabbitmq import Node

# How fast an example runs, or is made up, is the machine's affair, and on a busy one no fault of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Compiled anew by each process, sources take more than half of the time in which the tests are collected.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Workers must agree on the names of tests, which may be made from sets.
os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(2**32)))

# Far from UTC, so that a naive time that is taken for a local one fails a test on every machine.
os.environ["TZ"] = "Asia/Kamchatka"
time.tzset()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A background job of a script starts so, and the processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What the machine that runs the tests has set is no setting of what they start, nor is what `make test` tells its own.
for _name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(_name, None)
for _name in {*os.environ}:
    if _name.upper().removesuffix("_FILE") in {name for group in ALL_GROUPS for name in names_of(group).values()}:
        del os.environ[_name]

LONGEST_FIRST = (
    *("docs/test_commands", "bench", "system/rabbitmq", "system", "docs", "browser", "servers", "deploy"),
    *("adapters/cli", "adapters/mongodb", "adapters/providers"),
)
"""Files that take longest, by how their paths within `tests` begin: what is short then fills the gaps between the workers."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files into the order in which the workers of `make test` take them."""
    items.sort(key=lambda item: [not item.nodeid.startswith(f"tests/{begin}") for begin in LONGEST_FIRST])


@pytest.fixture(scope="session")
def mongo() -> Iterator[Mongo]:
    """A replica set of one, or the server that INN_TEST_MONGO_URI names. Take a database of your own."""
    with given_or_private() as mongo:
        yield mongo


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """RabbitMQ. Take queues of your own."""
    running = Node(tmp_path_factory.mktemp("rabbitmq"))
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="session")
def tax_service() -> Iterator[Emulator]:
    """The emulated tax service; whoever takes this one resets it."""
    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(tax_service: Emulator) -> Iterator[Emulator]:
    """The emulated tax service, of which nothing was asked or changed yet."""
    tax_service.reset()
    yield tax_service
    tax_service.reset()
