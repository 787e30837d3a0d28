"""Reads settings from a secret of AWS Secrets Manager: on AWS Lambda, where no file can be mounted.

SETTINGS_SECRET_ID names the secret, a JSON object; SETTINGS_SECRET_KEYS the settings that are taken from it. The
request is signed with the role's credentials (Signature Version 4), here: boto3 would add 80 MB to the image.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus

import urllib3
from pydantic import BaseModel, Field, Json, ValidationError

from adapters.config.environment import WrongSettings
from adapters.config.fields import split_list

ID = "SETTINGS_SECRET_ID"
KEYS = "SETTINGS_SECRET_KEYS"
SERVICE = "secretsmanager"
TIMEOUT_SEC = 3.0  # of one attempt to connect, and of each wait for the reply
ATTEMPTS = 3


class _Reply(BaseModel):
    secret: Json[dict[str, str]] = Field(alias="SecretString")


@cache
def settings(secret_id: str, names: str) -> dict[str, str]:
    """The settings that are named, from the secret. Raises WrongSettings.

    Cached, since some commands load their settings group by group.
    """
    region = os.environ.get("AWS_REGION", "")
    url = os.environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or f"https://{SERVICE}.{region}.amazonaws.com"
    body = json.dumps({"SecretId": secret_id}).encode()
    headers = signed_headers(url, body, os.environ, datetime.now(UTC))
    # Any method: reading twice changes nothing.
    retries = urllib3.Retry(ATTEMPTS - 1, allowed_methods=None, status_forcelist=(429, 500, 503), backoff_factor=0.5)
    try:
        reply = urllib3.request("POST", url, body=body, headers=headers, timeout=TIMEOUT_SEC, retries=retries)
    except urllib3.exceptions.HTTPError:
        raise WrongSettings({ID: "Secrets Manager cannot be reached"}) from None
    if reply.status != HTTPStatus.OK:
        raise WrongSettings({ID: f"Secrets Manager refuses to read it (status {reply.status})"})
    try:
        values = _Reply.model_validate_json(reply.data).secret
    except ValidationError:
        raise WrongSettings({ID: "the secret must be a JSON object of texts"}) from None
    keys = split_list(names)
    missing = [key for key in keys if not values.get(key)]
    if missing or not keys:
        raise WrongSettings({ID: f"the secret must hold {', '.join(missing) or f'what {KEYS} names'}"})
    return {key: values[key] for key in keys}


def signed_headers(url: str, body: bytes, credentials: Mapping[str, str], now: datetime) -> dict[str, str]:
    """The headers of a request for a secret, its signature included."""
    stamp, region = now.strftime("%Y%m%dT%H%M%SZ"), credentials.get("AWS_REGION", "")
    scope = f"{stamp[:8]}/{region}/{SERVICE}/aws4_request"
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": url.partition("://")[2].rstrip("/"),
        "x-amz-date": stamp,
        "x-amz-target": "secretsmanager.GetSecretValue",
    }
    if token := credentials.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{credentials.get('AWS_SECRET_ACCESS_KEY', '')}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{credentials.get('AWS_ACCESS_KEY_ID', '')}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers
