import json
import re
from functools import reduce
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from adapters.rabbitmq.topology import QueueNames, queues
from tests.deploy.tools import HOME
from tests.docs.conftest import DOCS


@pytest.fixture(scope="session")
def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
    return document


def test_every_reference_leads_somewhere(asyncapi: dict[str, Any], openapi: dict[str, Any]) -> None:
    found = re.findall(r"""\$ref: ["']([^#]*)#/([^"']+)["']""", (DOCS / "asyncapi.yaml").read_text())
    assert found
    for file, pointer in found:
        reduce(lambda node, name: node[name], pointer.split("/"), {"": asyncapi, "openapi.yaml": openapi}[file])


def test_the_queues_that_it_names_are_those_that_the_service_declares(asyncapi: dict[str, Any]) -> None:
    requests = asyncapi["channels"]["requests"]
    declared = set(queues(QueueNames(requests["address"]), 60))
    assert requests["bindings"]["amqp"]["queue"]["name"] in declared
    named = {word.rstrip(".,;") for word in requests["description"].split() if word.startswith("inn.")}
    assert named
    assert named <= declared


def test_the_document_is_asyncapi(asyncapi: dict[str, Any]) -> None:
    installed = HOME / "node_modules" / "@asyncapi" / "specs" / "schemas" / f"{asyncapi['asyncapi']}.json"
    assert installed.exists(), f"{installed} is missing: `make {HOME.name}/.ready` installs it"
    schema = json.loads(installed.read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(asyncapi)] == []
