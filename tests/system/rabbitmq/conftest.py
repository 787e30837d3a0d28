from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from local_runtime.servers.rabbitmq import Node
from tests.system.rabbitmq.room import Room, Store

_NUMBERS = count()


@pytest.fixture
def room(node: Node, tmp_path: Path) -> Iterator[Room]:
    """Queues and a store of this test's own."""
    with closing(Store(tmp_path / "store")) as store:
        yield Room(node, f"inn-{next(_NUMBERS)}", store)
