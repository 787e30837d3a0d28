"""Serves the page, and what it asks for under `/playground/`, for a browser can't ask another origin."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from urllib3.exceptions import HTTPError

from adapters.providers import State
from function.ports import Unavailable
from local_runtime.emulator.client import Remote, WrongControl
from local_runtime.emulator.counts import Step
from local_runtime.playground import files
from local_runtime.playground.files import HEADERS
from local_runtime.playground.watched import Watched


class Wanted(BaseModel):
    """What the page's switches ask for; what is absent stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scenario: str | None = None
    paid: bool | None = None


@dataclass(frozen=True, slots=True)
class Playground:
    """The page over one local runtime. Its views block: Starlette calls them in threads."""

    emulator: Remote
    watched: Watched

    def routes(self) -> list[Route]:
        """For a Starlette application, to stand before its own."""
        return [
            *files.routes(),
            Route("/playground/people", self._people, methods=["GET"]),
            Route("/playground/state", self._state, methods=["GET"]),
            Route("/playground/state", self._change, methods=["POST"]),
        ]

    def _people(self, _request: Request) -> Response:
        return _answer(self._invented)

    def _state(self, _request: Request) -> Response:
        return _answer(self._now)

    async def _change(self, request: Request) -> Response:
        # A page of another origin can't send this type without asking first.
        if request.headers.get("content-type") != "application/json":
            return _problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected content-type application/json")
        try:
            wanted = Wanted.model_validate_json(await request.body())
        except ValidationError:
            return _problem(HTTPStatus.BAD_REQUEST, "expected scenario, a string, or paid, true or false")
        return await asyncio.to_thread(_answer, partial(self._changed, wanted))

    def _changed(self, wanted: Wanted) -> dict[str, object]:
        if wanted.paid is not None:
            self.watched.paid = wanted.paid
        if wanted.scenario is not None:
            self.emulator.control(scenario=wanted.scenario)
        return self._now()

    def _invented(self) -> list[dict[str, object]]:
        shown = ("id", "about", "ending", "request")
        return [{name: person[name] for name in shown} for person in self.emulator.people()]

    def _now(self) -> dict[str, object]:
        stats = self.emulator.stats(brief=True)
        return {
            "scenario": self.emulator.control()["scenario"],
            "searches": stats.finds,
            "polls": stats.gets,
            "captchas": stats.captchas,
            "paidLookups": stats.calls[Step.APIFNS],
            "paid": self.watched.paid,
            "providers": [_shut(state) for state in self.watched.states()],
            "answered": [
                {"requestId": said.request_id, "status": said.status, "provider": said.provider}
                for said in self.watched.latest()
            ],
        }


def _shut(state: State) -> dict[str, object]:
    if state.shut is None:
        return {"name": state.name, "shut": "", "opensIn": 0}
    return {"name": state.name, "shut": state.shut.why, "opensIn": round(state.shut.reopens_in, 1)}


def _answer(look: Callable[[], object]) -> Response:
    try:
        return JSONResponse(look(), headers=HEADERS)
    except WrongControl as wrong:
        return _problem(HTTPStatus.BAD_REQUEST, str(wrong))
    except HTTPError:
        return _problem(HTTPStatus.BAD_GATEWAY, "the emulated tax service does not answer")
    except Unavailable as no:
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, no.reason.text)


def _problem(status: HTTPStatus, detail: str) -> Response:
    body = {"title": status.phrase, "status": status.value, "detail": detail}
    return JSONResponse(body, status, HEADERS, "application/problem+json")
