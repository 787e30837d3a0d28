from collections.abc import Iterator

import pytest

from tests.system.local.conftest import AT_ONCE, LocalRuntime, ended


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRuntime]:
    with ended(LocalRuntime(tmp_path_factory.mktemp("local"))) as runtime:
        runtime.tax_service.control(**AT_ONCE)
        yield runtime
