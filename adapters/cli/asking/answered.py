"""What a reply over HTTP that is no answer means, and a connection that fails, for the person at the terminal."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from ssl import SSLCertVerificationError

from urllib3 import exceptions

from adapters.cli.asking.places import Address
from adapters.cli.asking.trouble import NotNow, Refused, Unreached, plain
from adapters.cli.failure import Failure

_LATER = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# The first that fits speaks: the more special stand first.
_WHY = (
    (exceptions.NameResolutionError, "its name is not known"),
    (exceptions.NewConnectionError, "the connection was refused: is the service running there?"),
    (exceptions.ConnectTimeoutError, "no connection in time"),
    (exceptions.SSLError, "no TLS connection: is it https there?"),
    (exceptions.ReadTimeoutError, "it did not answer in time"),
    (exceptions.HTTPError, "the connection broke"),
)


def refusal(address: Address, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """A status that is neither 200 nor 422: later, or never."""
    problem = _problem(body)
    detail = plain(str(problem.get("detail", "")))
    if status in _LATER:
        code = plain(str(problem.get("code", "")))
        return NotNow(detail or f"the service answers {status} now", code, _seconds(headers.get("retry-after", "")))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        what = "does not accept this token" if address.token else "wants a token"
        return Refused(f"{_place(address)} {what}: set INN_TOKEN or --token-file to one of its HTTP_TOKENS")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Refused(f"{_place(address)} sends its callers to another address: give that one as --url")
    return Refused(f"{_place(address)} answers {status}" + (f": {detail}" if detail else ""))


def unreached(address: Address, exc: exceptions.HTTPError) -> Unreached:
    """A connection that failed."""
    return Unreached(_place(address), _why(exc))


def stranger(address: Address) -> Refused:
    """A reply that is none of the contract's."""
    return Refused(f"what answers at {address.url} is not the INN service: check --url")


def _place(address: Address) -> str:
    return f"the service at {address.url}"


def _why(exc: exceptions.HTTPError) -> str:
    if exc.args and isinstance(exc.args[0], SSLCertVerificationError):
        return "its TLS certificate is not trusted (SSL_CERT_FILE names a file of further ones)"
    return next(words for kind, words in _WHY if isinstance(exc, kind))


def _problem(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else 0
