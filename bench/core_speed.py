"""The core's pieces under pytest-benchmark: `python -m pytest bench/core_speed.py`."""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.cases import cases

CASES = cases()


@pytest.mark.parametrize("name", list(CASES))
def test_speed(name: str, benchmark: BenchmarkFixture) -> None:
    """Time one piece."""
    call: Callable[[], object] = CASES[name]
    benchmark(call)
