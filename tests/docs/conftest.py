from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.local.conftest import AT_ONCE, LocalRuntime, ended

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="session")
def openapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DOCS / "openapi.yaml").read_text())
    return document


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRuntime]:
    with ended(LocalRuntime(tmp_path_factory.mktemp("local"))) as runtime:
        runtime.tax_service.control(**AT_ONCE)
        yield runtime
