"""Servers that many tests share: each is started when it is first wanted, and ends with the run."""

from collections.abc import Iterator

import pytest

from local_runtime.servers.mongod import Mongo, given_or_private, standalone


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
