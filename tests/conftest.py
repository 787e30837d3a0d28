"""What many tests share: servers, each started when it is first wanted and ended with the run; and how tests are run."""

import os
import random
import signal
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.mongod import Mongo, given_or_private, standalone
from tests.servers.rabbitmq import Node, rabbitmq

# How fast an example runs, or is made up, is the machine's affair, and on a busy one no fault of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Workers must agree on the names of tests, which may be made from sets.
os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(2**32)))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A background job of a script starts so, and the processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_FIRST = ("node", "driver", "mongo")
"""Fixtures of tests that take longest, in that order: what is short then fills the gaps between the workers."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Divide the tests among the workers of `make test`, each with servers of its own.

    A file's tests stay together, for they share fixtures, and so do all of the browser's, for the same reason.
    """
    groups: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        groups[item.path.parent if "driver" in _fixtures([item]) else item.path].append(item)
    for path, members in groups.items():
        for item in members:
            item.add_marker(pytest.mark.xdist_group(str(path)))
    in_order = sorted(groups.values(), key=lambda members: [name not in _fixtures(members) for name in LONGEST_FIRST])
    items[:] = chain.from_iterable(in_order)


def _fixtures(items: list[pytest.Item]) -> set[str]:
    return {name for item in items if isinstance(item, pytest.Function) for name in item.fixturenames}


@pytest.fixture(scope="session")
def mongo() -> Iterator[Mongo]:
    """A replica set of one, or the server that INN_TEST_MONGO_URI names. Take a database of your own."""
    with given_or_private() as mongo:
        yield mongo


@pytest.fixture(scope="session")
def lone_mongo() -> Iterator[Mongo]:
    """A mongod by itself: no transactions."""
    with standalone() as mongo:
        yield mongo


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """RabbitMQ. Take queues of your own."""
    with rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running
