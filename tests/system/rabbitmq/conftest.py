from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.servers.rabbitmq import Node
from tests.system.rabbitmq.room import Room, Store

_NUMBERS = count()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loses the broker in this process comes back to it soon, however often that was."""
    monkeypatch.setattr("adapters.rabbitmq.link.LONGEST_PAUSE_SEC", 0.4)


@pytest.fixture
def room(node: Node, tmp_path: Path) -> Iterator[Room]:
    """Queues and a store of this test's own."""
    with closing(Store(tmp_path / "store")) as store:
        yield Room(node, f"inn-{next(_NUMBERS)}", store)
