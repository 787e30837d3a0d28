from itertools import count

import pytest

from tests.servers.rabbitmq import Node
from tests.system.rabbitmq.room import Room

_NUMBERS = count()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loses the broker in this process comes back to it soon, however often that was."""
    monkeypatch.setattr("adapters.rabbitmq.supervisor.LONGEST_BACKOFF_SEC", 0.4)


@pytest.fixture
def room(node: Node) -> Room:
    """Queues and a store of this test's own."""
    return Room(node, f"inn-{next(_NUMBERS)}")
