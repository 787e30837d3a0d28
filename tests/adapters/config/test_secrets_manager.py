"""Settings out of a secret of AWS Secrets Manager: signed as AWS's own library signs, and every way in which that can fail."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from adapters.config import environment, secrets_manager
from adapters.config.environment import WrongSettings
from tests.deploy.tools import run
from tests.servers.secrets_manager import Reply, holding, secrets_manager_with

ROLE = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "session/token==",
}
BY_AWS = """
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
url, body, role, headers = json.load(sys.stdin)
request = AWSRequest("POST", url, headers, body.encode())
request.context["timestamp"] = headers["x-amz-date"]
credentials = Credentials(role["AWS_ACCESS_KEY_ID"], role["AWS_SECRET_ACCESS_KEY"], role["AWS_SESSION_TOKEN"])
auth = SigV4Auth(credentials, "secretsmanager", role["AWS_REGION"])
to_sign = auth.string_to_sign(request, auth.canonical_request(request))
print(auth.signature(to_sign, request), end="")
"""
HELD = {"APP_SECRET_KEYS": "k" * 32, "MONGO_DSN": "mongodb://user:pass@host/", "HTTP_TOKENS": "token"}


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name, value in {**ROLE, secrets_manager.ID: "inn", secrets_manager.KEYS: "APP_SECRET_KEYS, MONGO_DSN"}.items():
        monkeypatch.setenv(name, value)
    secrets_manager.settings.cache_clear()
    yield monkeypatch
    secrets_manager.settings.cache_clear()


def test_a_request_is_signed_as_aws_s_own_library_signs_it() -> None:
    url, body = "https://secretsmanager.eu-central-1.amazonaws.com", b'{"SecretId": "inn"}'
    headers = secrets_manager.signed_headers(url, body, ROLE, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    plain = {name: value for name, value in headers.items() if name != "authorization"}
    done = run("python", "-c", BY_AWS, text=json.dumps([url, body.decode(), ROLE, plain]))
    assert done.returncode == 0, done.stderr
    assert headers["authorization"].rpartition("Signature=")[2] == done.stdout


def test_the_settings_that_are_named_are_read_once_and_no_others(role: pytest.MonkeyPatch) -> None:
    with secrets_manager_with((500, b""), holding(HELD)) as (url, asked):
        role.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
        found = [environment.read() for _ in range(3)][-1]
    assert found["APP_SECRET_KEYS"] == HELD["APP_SECRET_KEYS"]
    assert found["MONGO_DSN"] == HELD["MONGO_DSN"]
    assert "HTTP_TOKENS" not in found
    assert [json.loads(body) for body in asked] == [{"SecretId": "inn"}] * 2, "tried again, then kept"


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ((400, b'{"__type": "AccessDeniedException", "Message": "arn"}'), "refuses to read it (status 400)"),
        (holding({"APP_SECRET_KEYS": "x"}), "the secret must hold MONGO_DSN"),
        (holding("hunter2"), "the secret must be a JSON object of texts"),
        (holding({"APP_SECRET_KEYS": 1}), "the secret must be a JSON object of texts"),
        ((200, b'{"SecretBinary": "aHVudGVyMg=="}'), "the secret must be a JSON object of texts"),
    ],
)
def test_a_secret_that_cannot_be_used_ends_the_start_with_one_line(
    role: pytest.MonkeyPatch, reply: Reply, fault: str
) -> None:
    with secrets_manager_with(reply) as (url, _):
        role.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
        with pytest.raises(WrongSettings) as raised:
            environment.read()
    assert raised.value.faults == [f"SETTINGS_SECRET_ID: {'Secrets Manager ' if 'status' in fault else ''}{fault}"]


def test_a_secret_that_cannot_be_reached_ends_the_start_with_one_line(role: pytest.MonkeyPatch) -> None:
    with secrets_manager_with((200, b"")) as (url, _):
        pass
    role.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
    with pytest.raises(WrongSettings, match="SETTINGS_SECRET_ID: Secrets Manager cannot be reached"):
        environment.read()
