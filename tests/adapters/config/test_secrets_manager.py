"""Settings out of a secret of AWS Secrets Manager: signed as AWS's own library signs, and every way in which that can fail."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from adapters.config import environment, secrets_manager
from adapters.config.environment import WrongSettings
from tests.deploy.tools import run

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


class SecretsManager(BaseHTTPRequestHandler):
    """Answers with the replies that are left in `replies`, the last one again and again."""

    replies: list[tuple[int, bytes]]
    requests: list[tuple[Mapping[str, str], bytes]]

    def do_POST(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.requests.append((dict(self.headers), body))
        status, reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        self.send_response(status)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Nothing: the base class writes to stderr."""


@contextmanager
def secrets_manager_with(*replies: tuple[int, bytes]) -> Iterator[tuple[str, type[SecretsManager]]]:
    handler = type("Handler", (SecretsManager,), {"replies": list(replies), "requests": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler
        finally:
            server.shutdown()
            thread.join()


def secret(text: str) -> bytes:
    return json.dumps({"ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:inn-a", "SecretString": text}).encode()


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name, value in {**ROLE, secrets_manager.ID: "inn", secrets_manager.KEYS: "APP_SECRET_KEYS, MONGO_DSN"}.items():
        monkeypatch.setenv(name, value)
    secrets_manager._held.cache_clear()
    yield monkeypatch
    secrets_manager._held.cache_clear()


def test_a_request_is_signed_as_aws_s_own_library_signs_it() -> None:
    url, body = "https://secretsmanager.eu-central-1.amazonaws.com", b'{"SecretId": "inn"}'
    headers = secrets_manager.signed_headers(url, body, ROLE, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    plain = {name: value for name, value in headers.items() if name != "authorization"}
    done = run("python", "-c", BY_AWS, text=json.dumps([url, body.decode(), ROLE, plain]))
    assert done.returncode == 0, done.stderr
    assert headers["authorization"].rpartition("Signature=")[2] == done.stdout


def test_the_settings_that_are_named_are_read_once_and_no_others(role: pytest.MonkeyPatch) -> None:
    with secrets_manager_with((500, b""), (200, secret(json.dumps(HELD)))) as (url, asked):
        role.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
        found = [environment.read() for _ in range(3)][-1]
    assert found["app_secret_keys"] == HELD["APP_SECRET_KEYS"]
    assert found["mongo_dsn"] == HELD["MONGO_DSN"]
    assert "http_tokens" not in found
    assert [json.loads(body) for _, body in asked.requests] == [{"SecretId": "inn"}] * 2, "tried again, then kept"


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ((400, b'{"__type": "AccessDeniedException", "Message": "arn"}'), "refuses to read it (status 400)"),
        ((200, secret('{"APP_SECRET_KEYS": "x"}')), "the secret must hold MONGO_DSN"),
        ((200, secret("hunter2")), "the secret must be a JSON object of texts"),
        ((200, secret('{"APP_SECRET_KEYS": 1}')), "the secret must be a JSON object of texts"),
        ((200, b'{"SecretBinary": "aHVudGVyMg=="}'), "the secret must be a JSON object of texts"),
    ],
)
def test_a_secret_that_cannot_be_used_ends_the_start_with_one_line(
    role: pytest.MonkeyPatch, reply: tuple[int, bytes], fault: str
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
