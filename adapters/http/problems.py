"""What is wrong with a request, as RFC 9457 problem details. No problem repeats what the client sent."""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from function.outcomes import Deferred

PROBLEM_TYPE = "application/problem+json"
DEFAULT_RETRY_SEC = 5
"""`Retry-After` where nobody knows better."""


class Problem(Exception):
    """The request can't be answered: the response to give instead."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def response_to(problem: Problem, **more: str) -> Response:
    """The problem as a response; `more` are members beside the standard ones."""
    body = {"title": problem.status.phrase, "status": problem.status.value, "detail": problem.detail, **more}
    headers = {"content-type": PROBLEM_TYPE, **problem.headers}
    return Response(json.dumps(body, ensure_ascii=False).encode(), problem.status.value, headers)


def deferred(outcome: Deferred) -> Response:
    """A temporary failure: the sender should retry, and when."""
    seconds = max(1, math.ceil(outcome.retry_after or DEFAULT_RETRY_SEC))
    problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, outcome.reason.text, {"retry-after": str(seconds)})
    return response_to(problem, code=outcome.reason.value, requestId=outcome.request.request_id)
