import json
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
import urllib3
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from function.outcomes import Reason
from function.ports import Unavailable, Verdict
from tests.adapters.http.conftest import Server, host, make_server, observer, provider
from tests.docs.conftest import DOCS
from tests.doubles import PERSON
from tests.system.local.conftest import LocalRuntime

__all__ = ["host", "make_server", "observer", "provider"]
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


def half_a_body(server: Server) -> tuple[int, Mapping[str, str], Any]:
    address = urlsplit(server.url)
    with closing(HTTPConnection(address.hostname or "", address.port)) as connection:
        connection.putrequest("POST", "/")
        for name, value in {**BINARY, "content-length": "10", "authorization": "Bearer secret"}.items():
            connection.putheader(name, value)
        connection.endheaders(b"{}")
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, json.load(response)


def sent(method: str = "POST", path: str = "/", body: bytes = b"{}", **headers: str) -> Callable[[Server], Any]:
    def send(server: Server) -> tuple[int, Mapping[str, str], Any]:
        given = {"authorization": "Bearer secret", **{name.replace("_", "-"): text for name, text in headers.items()}}
        response = server.pool.request(method, server.url + path, body=body, headers={**BINARY, **given}, retries=False)
        return response.status, response.headers, response.json()

    return send


def stumble(_: object) -> Verdict:
    raise ZeroDivisionError


def refuse(_: object) -> Verdict:
    raise Unavailable(Reason.PROVIDER_CLOSED, 17)


PERSON_SENT = json.dumps(PERSON).encode()
PROBLEMS: dict[str, tuple[Callable[[Server], Any], str, int]] = {
    "no CloudEvent": (sent(body=b"?"), "/", 400),
    "no token": (sent(authorization="Bearer another"), "/", 401),
    "another path": (sent(path="/nowhere"), "/", 404),
    "another method": (sent("PUT"), "/", 405),
    "another method of a probe": (sent("DELETE", "/livez"), "/livez", 405),
    "half a body": (half_a_body, "/", 408),
    "too much": (sent(body=b"x" * 70_000), "/", 413),
    "a head that is too large": (sent(x_more="x" * 70_000), "/", 431),
    "another type": (sent(content_type="text/plain"), "/", 415),
    "a fault": (sent(body=PERSON_SENT), "/", 500),
    "a closed provider": (sent(body=PERSON_SENT), "/", 503),
}


def test_problems_are_as_described(openapi: dict[str, Any], make_server: Callable[..., Server]) -> None:
    server = make_server(tokens=("secret",), body_sec=0.1, deadline=5)
    for name, (send, path, status) in PROBLEMS.items():
        server.provider.say = stumble if status == 500 else refuse
        told, headers, body = send(server)
        assert told == status, name
        operations = openapi["paths"][path]
        described = (operations.get("post") or operations["get"])["responses"][str(status)]
        described = (
            openapi["components"]["responses"][described["$ref"].split("/")[-1]] if "$ref" in described else described
        )
        assert headers["content-type"] in described["content"], name
        assert_fits(openapi, "Problem", body)
        for header, shape in described.get("headers", {}).items():
            value = headers[header.lower()]
            assert value == shape["schema"].get("const", value), name
        assert body["status"] == status, name


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_who_wants_no_body_gets_a_described_status(openapi: dict[str, Any], runtime: LocalRuntime, path: str) -> None:
    response = urllib3.request("HEAD", runtime.url + path)
    assert str(response.status) in openapi["paths"][path]["head"]["responses"]
    assert response.data == b""


def test_readiness_is_as_described(openapi: dict[str, Any], runtime: LocalRuntime) -> None:
    assert_fits(openapi, "Readiness", runtime.get("/readyz").json())


SCHEMA = schemathesis.openapi.from_path(DOCS / "openapi.yaml")
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_sent_what_comes_back_is_described(runtime: LocalRuntime, label: str) -> None:
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    def validate(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=runtime.url, checks=CHECKS)

    # Not by the plugin, by which each process that collects tests would make all that is sent.
    modes = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.COVERAGE, HypothesisTestMode.FUZZING]
    config = HypothesisTestConfig(modes=modes, project=SCHEMA.config)
    create_test(operation=OPERATIONS[label], test_func=validate, config=config)()
