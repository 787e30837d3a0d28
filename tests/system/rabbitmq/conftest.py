from itertools import count

import pytest

from tests.servers.rabbitmq import Node
from tests.system.rabbitmq.room import Room

_NUMBERS = count()


@pytest.fixture
def room(node: Node) -> Room:
    """Queues and a store of this test's own."""
    return Room(node, f"inn-{next(_NUMBERS)}")
