"""What steers the emulator and looks into it: `/control`, `/stats`, `/people`."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local_runtime.emulator.counts import Counts
from local_runtime.emulator.people import PEOPLE, Named
from local_runtime.emulator.script import Settings, faults_of
from local_runtime.emulator.service import Tickets
from local_runtime.emulator.sessions import Sessions
from local_runtime.emulator.stage import Stage

WELCOME = """The tax service, emulated. All of its people are invented.

POST /inn-new-proc.json       find, get
POST /inn-proc.do             innMy
GET  /api/innfl, /api/stat    the paid provider
GET  /people                  people whose answers are known
GET  /stats                   what was asked; DELETE begins anew
GET  /control                 how it behaves; POST changes it, DELETE undoes it
"""


@dataclass(frozen=True, slots=True)
class Steered:
    """All that can be steered or looked into."""

    counts: Counts
    stage: Stage
    sessions: Sessions
    tickets: Tickets


def steering(steered: Steered) -> Starlette:
    """The application that steers."""
    views = _Views(steered)
    return Starlette(
        routes=[
            Route("/", views.welcome, methods=["GET"]),
            Route("/people", views.people, methods=["GET"]),
            Route("/stats", views.stats, methods=["GET"]),
            Route("/stats", views.forget_stats, methods=["DELETE"]),
            Route("/control", views.control, methods=["GET"]),
            Route("/control", views.change, methods=["POST"]),
            Route("/control", views.reset, methods=["DELETE"]),
        ]
    )


class _Views:
    def __init__(self, steered: Steered) -> None:
        self._steered = steered

    async def welcome(self, _request: Request) -> Response:
        return PlainTextResponse(WELCOME)

    async def people(self, _request: Request) -> Response:
        return JSONResponse([_shown(person) for person in PEOPLE])

    async def stats(self, request: Request) -> Response:
        stats = self._steered.counts.stats(brief="brief" in request.query_params)
        return Response(stats.model_dump_json(), media_type="application/json")

    async def forget_stats(self, _request: Request) -> Response:
        self._steered.counts.reset()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def control(self, _request: Request) -> Response:
        return JSONResponse(self._settings())

    async def change(self, request: Request) -> Response:
        try:
            wanted = Settings.model_validate_json(await request.body())
        except ValidationError as exc:
            return JSONResponse({"errors": faults_of(exc)}, status_code=HTTPStatus.BAD_REQUEST)
        self._steered.stage.change(wanted, frozenset(wanted.model_fields_set))
        return JSONResponse(self._settings())

    async def reset(self, _request: Request) -> Response:
        self._steered.stage.reset()
        self._steered.sessions.clear()
        self._steered.tickets.clear()
        return JSONResponse(self._settings())

    def _settings(self) -> dict[str, Any]:
        stage = self._steered.stage
        rules = [
            {**playing.rule.model_dump(mode="json", exclude_unset=True), "seen": playing.seen, "fired": playing.fired}
            for playing in stage.given
        ]
        return {**stage.settings.model_dump(mode="json"), "rules": rules}


def _shown(person: Named) -> dict[str, Any]:
    entry = person.entry
    told = {"id": person.id, "about": person.about, "ending": person.ending, "inn": entry.inn, "key": entry.key}
    return {**told, "request": person.request, "form": person.form}
