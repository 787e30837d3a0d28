from collections.abc import Iterator

import pytest

from local_runtime.emulator.process import Emulator


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Iterator[Emulator]:
    """The emulated tax service, as at its start."""
    running.reset()
    yield running
    running.reset()
