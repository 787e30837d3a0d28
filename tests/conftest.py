"""What many tests share: servers, each started when it is first wanted and ended with the run; and how properties are tried."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.mongod import Mongo, given_or_private, standalone
from tests.servers.rabbitmq import Node, rabbitmq

# How fast an example runs, or is made up, is the machine's affair, and on a busy one no fault of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A background job of a script starts so, and the processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
