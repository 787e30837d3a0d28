from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from local_runtime.servers.rabbitmq import Node, rabbitmq
from tests.system.rabbitmq.room import Room, Store

_NUMBERS = count()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with rabbitmq(Path(tmp_path_factory.mktemp("rabbitmq"))) as running:
        yield running


@pytest.fixture
def room(node: Node, tmp_path: Path) -> Iterator[Room]:
    """Queues and a store of this test's own."""
    with closing(Store(tmp_path / "store")) as store:
        yield Room(node, f"inn-{next(_NUMBERS)}", store)
