from collections.abc import Iterator
from pathlib import Path

import pytest

from local_runtime.servers.rabbitmq import Node, rabbitmq


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with rabbitmq(Path(tmp_path_factory.mktemp("rabbitmq"))) as running:
        yield running
