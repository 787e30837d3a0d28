"""docs/openapi.yaml and docs/asyncapi.yaml: each is what it is called, and describes what the service answers and declares."""

import json
import re
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from adapters.rabbitmq.topology import QueueNames, queues
from function.outcomes import Reason
from function.ports import Unavailable, Verdict
from tests.adapters.http.conftest import Server, host, make_server, observer, provider
from tests.deploy.tools import HOME
from tests.docs.shown import ROOT
from tests.doubles import body
from tests.system.local.conftest import LocalRuntime

__all__ = ["host", "make_server", "observer", "provider"]
CE = {"specversion": "1.0", "id": "e-1", "source": "/t", "type": "inn.lookup.requested"}
BINARY = {**{f"ce-{name}": value for name, value in CE.items()}, "content-type": "application/json"}
OPENAPI: dict[str, Any] = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
ASYNCAPI: dict[str, Any] = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
SCHEMA = schemathesis.openapi.from_path(ROOT / "docs/openapi.yaml")
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}
CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]


def send(url: str, method: str, body: bytes, **headers: str) -> requests.Response:
    """Send what a client would, with these headers otherwise, and its length."""
    request = requests.Request(method, url, data=body, headers={**BINARY, "authorization": "Bearer secret"}).prepare()
    request.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    with requests.Session() as session:
        return session.send(request)


def assert_described(operation: str, response: requests.Response) -> None:
    OPERATIONS[operation].Case().validate_response(response, checks=CHECKS)


def test_openapi_is_what_it_is_called_and_its_example_fits_its_own_schema() -> None:
    validate(OPENAPI)
    request = {"$ref": "#/components/schemas/LookupRequest", "components": OPENAPI["components"]}
    Draft202012Validator(request).validate(OPENAPI["components"]["schemas"]["LookupRequest"]["example"])


@pytest.mark.parametrize("status", [200, 422])
def test_replies_in_every_mode_are_as_described(runtime: LocalRuntime, status: int) -> None:
    request = {**OPENAPI["components"]["schemas"]["LookupRequest"]["example"]}
    if status == 422:
        request["lastName"] = "Smith"
    event = {**CE, "data": request}
    for mode, sent, expected in (
        ("json", request, status),
        ("cloudevents+json", event, status),
        ("cloudevents-batch+json", [event, 5], 200),
    ):
        response = send(runtime.url, "POST", json.dumps(sent).encode(), content_type=f"application/{mode}")
        assert response.status_code == expected, mode
        assert_described("POST /", response)


def stumble(_: object) -> Verdict:
    raise ZeroDivisionError


def refuse(_: object) -> Verdict:
    raise Unavailable(Reason.PROVIDER_CLOSED, 17)


PROBLEMS: dict[str, tuple[int, str, str, bytes, dict[str, str]]] = {
    "no CloudEvent": (400, "POST", "/", b"?", {}),
    "no token": (401, "POST", "/", b"{}", {"authorization": "Bearer another"}),
    "another path": (404, "POST", "/nowhere", b"{}", {}),
    "another method": (405, "PUT", "/", b"{}", {}),
    "another method of a probe": (405, "DELETE", "/livez", b"{}", {}),
    "half a body": (408, "POST", "/", b"{}", {"content_length": "10"}),
    "too much": (413, "POST", "/", b"x" * 70_000, {}),
    "another type": (415, "POST", "/", b"{}", {"content_type": "text/plain"}),
    "a head that is too large": (431, "POST", "/", b"{}", {"x_more": "x" * 70_000}),
    "a fault": (500, "POST", "/", body(), {}),
    "a closed provider": (503, "POST", "/", body(), {}),
}


def test_problems_are_as_described(make_server: Callable[..., Server]) -> None:
    server = make_server(tokens=("secret",), body_sec=0.1, deadline=5)
    for name, (status, method, path, sent, headers) in PROBLEMS.items():
        server.provider.say = stumble if status == 500 else refuse
        response = send(server.url + path, method, sent, **headers)
        assert (response.status_code, response.json()["status"]) == (status, status), name
        assert_described("GET /livez" if path == "/livez" else "POST /", response)


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_sent_what_comes_back_is_described(runtime: LocalRuntime, label: str) -> None:
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    def validate(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=runtime.url, checks=[*CHECKS, not_a_server_error])

    # Not by the plugin, by which each process that collects tests would make all that is sent.
    modes = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.COVERAGE, HypothesisTestMode.FUZZING]
    config = HypothesisTestConfig(modes=modes, project=SCHEMA.config)
    create_test(operation=OPERATIONS[label], test_func=validate, config=config)()


def test_every_reference_of_asyncapi_leads_somewhere() -> None:
    found = re.findall(r"""\$ref: ["']([^#]*)#/([^"']+)["']""", (ROOT / "docs/asyncapi.yaml").read_text())
    assert found
    for file, pointer in found:
        reduce(lambda node, name: node[name], pointer.split("/"), {"": ASYNCAPI, "openapi.yaml": OPENAPI}[file])


def test_the_queues_that_asyncapi_names_are_those_that_the_service_declares() -> None:
    requests = ASYNCAPI["channels"]["requests"]
    declared = set(queues(QueueNames(requests["address"]), 60))
    assert requests["bindings"]["amqp"]["queue"]["name"] in declared
    named = {word.rstrip(".,;") for word in requests["description"].split() if word.startswith("inn.")}
    assert named
    assert named <= declared


def test_asyncapi_is_what_it_is_called() -> None:
    installed = HOME / "node_modules" / "@asyncapi" / "specs" / "schemas" / f"{ASYNCAPI['asyncapi']}.json"
    assert installed.exists(), f"{installed} is missing: `make {HOME.name}/.ready` installs it"
    schema = json.loads(installed.read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(ASYNCAPI)] == []
