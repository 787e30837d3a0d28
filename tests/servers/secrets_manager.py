"""A stand-in of AWS Secrets Manager: answers whatever it is asked with the replies that it is given, and keeps what it was asked."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.servers.http import answering

Reply = tuple[int, bytes]


@contextmanager
def secrets_manager_with(*replies: Reply) -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and the bodies of the requests to it. The last reply is given again and again."""
    requests: list[bytes] = []

    def answer(_path: str, body: bytes) -> Reply:
        requests.append(body)
        return replies[min(len(requests), len(replies)) - 1]

    with answering(answer) as url:
        yield url, requests


def holding(secret: Mapping[str, object] | str) -> Reply:
    """The reply of a secret that holds these settings, or this text."""
    text = secret if isinstance(secret, str) else json.dumps(secret)
    return 200, json.dumps({"ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:inn-a", "SecretString": text}).encode()
