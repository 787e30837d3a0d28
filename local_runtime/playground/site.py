"""Serves the page and its files, and `/playground/…`, the page's API: a browser can't call another origin."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from urllib3.exceptions import HTTPError

from adapters.providers import ProviderStatus
from function.ports import Unavailable
from local_runtime.emulator.control_client import EmulatorControl, WrongEmulatorSettings
from local_runtime.emulator.stats import Step
from local_runtime.playground.switchable_provider import SwitchableProvider

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class Switches(BaseModel):
    """The values of the page's controls; absent ones stay unchanged."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scenario: str | None = None
    paid: bool | None = None


@dataclass(frozen=True, slots=True)
class Playground:
    """The page of one local runtime. Its views block: Starlette calls them in threads."""

    emulator: EmulatorControl
    provider: SwitchableProvider

    def routes(self) -> list[Route]:
        """The routes, to be put before those of a Starlette application."""
        return [
            *_files(),
            Route("/playground/people", lambda _: _reply(self._people), methods=["GET"]),
            Route("/playground/state", lambda _: _reply(self._state), methods=["GET"]),
            Route("/playground/state", self._change, methods=["POST"]),
        ]

    async def _change(self, request: Request) -> Response:
        # A page of another origin can't send this type without a preflight request.
        if request.headers.get("content-type") != "application/json":
            return _problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected content-type application/json")
        try:
            switches = Switches.model_validate_json(await request.body())
        except ValidationError:
            return _problem(HTTPStatus.BAD_REQUEST, "expected scenario, a string, or paid, true or false")
        return await asyncio.to_thread(_reply, partial(self._apply, switches))

    def _apply(self, switches: Switches) -> dict[str, object]:
        if switches.scenario is not None:
            self.emulator.control(scenario=switches.scenario)
        if switches.paid is not None:
            self.provider.paid = switches.paid
        return self._state()

    def _people(self) -> list[dict[str, object]]:
        shown = ("id", "about", "ending", "request")
        return [{name: person[name] for name in shown} for person in self.emulator.people()]

    def _state(self) -> dict[str, object]:
        stats = self.emulator.stats(brief=True)
        return {
            "scenario": self.emulator.control()["scenario"],
            "searches": stats.finds,
            "polls": stats.gets,
            "captchas": stats.captchas,
            "paidLookups": stats.calls[Step.APIFNS],
            "paid": self.provider.paid,
            "providers": [_availability(status) for status in self.provider.states()],
            "answered": [
                {"requestId": answer.request_id, "status": answer.status, "provider": answer.provider}
                for answer in self.provider.latest()
            ],
        }


def _files() -> Iterator[Route]:
    for path in sorted(PAGE.iterdir()):
        if path.suffix in TYPES:
            place = "/" if path.name == "index.html" else f"/playground/{path.name}"
            yield Route(place, partial(_file, path), methods=["GET"])


def _file(path: Path, _request: Request) -> Response:
    return Response(path.read_bytes(), headers={**HEADERS, "content-type": TYPES[path.suffix]})


def _availability(status: ProviderStatus) -> dict[str, object]:
    closed, opens_in = (status.denied.reason, status.denied.retry_after) if status.denied else ("", 0)
    return {"name": status.name, "closed": closed, "opensIn": round(opens_in, 1)}


def _reply(read: Callable[[], object]) -> Response:
    try:
        return JSONResponse(read(), headers=HEADERS)
    except WrongEmulatorSettings as exc:
        return _problem(HTTPStatus.BAD_REQUEST, f"expected a known scenario: {exc}")
    except HTTPError:
        return _problem(HTTPStatus.BAD_GATEWAY, "the emulated tax service does not answer")
    except Unavailable as exc:
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, exc.reason.text)


def _problem(status: HTTPStatus, detail: str) -> Response:
    body = {"title": status.phrase, "status": status.value, "detail": detail}
    return JSONResponse(body, status, HEADERS, "application/problem+json")
