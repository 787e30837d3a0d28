import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from schemathesis.checks import (
    not_a_server_error,
)
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.docs.conftest import DOCS
from tests.system.local.conftest import LocalRuntime

CE = {"specversion": "1.0", "id": "e-1", "source": "/t", "type": "inn.lookup.requested"}
BINARY = {**{f"ce-{name}": value for name, value in CE.items()}, "content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def example(openapi: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = openapi["components"]["schemas"]["LookupRequest"]["example"]
    return request


def assert_fits(openapi: dict[str, Any], schema: str, instance: object) -> None:
    registry: Registry[Any] = Registry().with_resource("urn:openapi", DRAFT202012.create_resource(openapi))
    validator = Draft202012Validator({"$ref": f"urn:openapi#/components/schemas/{schema}"}, registry=registry)
    assert [error.message for error in validator.iter_errors(instance)] == []


def test_the_document_is_openapi(openapi: dict[str, Any]) -> None:
    validate(openapi)


def test_its_example_fits_its_own_schema(openapi: dict[str, Any]) -> None:
    assert_fits(openapi, "LookupRequest", example(openapi))


@pytest.mark.parametrize("status", [200, 422])
def test_replies_in_every_mode_are_as_described(openapi: dict[str, Any], runtime: LocalRuntime, status: int) -> None:
    request = example(openapi) if status == 200 else {**example(openapi), "lastName": "Smith"}
    event = {**CE, "data": request}
    binary = runtime.post(json.dumps(request).encode(), BINARY)
    structured = runtime.post(json.dumps(event).encode(), STRUCTURED)
    batch = runtime.post(json.dumps([event, 5]).encode(), BATCH)
    assert (binary.status, structured.status, batch.status) == (status, status, 200)
    assert_fits(openapi, "LookupResult", binary.json())
    assert_fits(openapi, "ReplyEvent", structured.json())
    for reply in batch.json():
        assert_fits(openapi, "ReplyEvent", reply)


def test_problems_are_as_described(openapi: dict[str, Any], runtime: LocalRuntime) -> None:
    wrong = [runtime.post(b"?", BINARY), runtime.post(b"{}", {"content-type": "text/plain"})]
    assert [response.status for response in wrong] == [400, 415]
    for response in wrong:
        assert_fits(openapi, "Problem", response.json())


def test_readiness_is_as_described(openapi: dict[str, Any], runtime: LocalRuntime) -> None:
    assert_fits(openapi, "Readiness", runtime.get("/readyz").json())


schema = schemathesis.openapi.from_path(DOCS / "openapi.yaml")


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_what_comes_back_is_described(case: schemathesis.Case[Any], runtime: LocalRuntime) -> None:
    case.call_and_validate(base_url=runtime.url, checks=CHECKS)
