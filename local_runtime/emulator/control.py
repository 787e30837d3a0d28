"""Serves `/control`, `/stats` and `/people`: the emulator's settings, its counts, and the named people."""

from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local_runtime.emulator.control_settings import EmulatorSettings, validation_errors
from local_runtime.emulator.register import PEOPLE, NamedPerson
from local_runtime.emulator.state import EmulatorState
from local_runtime.emulator.stats import Stats

WELCOME = """The tax service, emulated. All of its people are invented.

POST /inn-new-proc.json       find, get
POST /inn-proc.do             innMy
GET  /inn.do                  the form's page, session and consent
GET  /api/innfl, /api/stat    the paid provider
GET  /people                  people whose answers are known
GET  /stats                   what was asked; DELETE sets the counts to 0
GET  /control                 how it behaves; POST changes it, DELETE undoes it
"""


def control_app(state: EmulatorState) -> Starlette:
    """The application for the endpoints that are not part of an emulated service."""

    async def welcome(_request: Request) -> Response:
        return PlainTextResponse(WELCOME)

    async def people(_request: Request) -> Response:
        return JSONResponse([_describe(person) for person in PEOPLE])

    async def stats(request: Request) -> Response:
        if request.method == "DELETE":
            state.stats = Stats()
        left_out = {"persons"} if "brief" in request.query_params else None
        return Response(state.stats.model_dump_json(exclude=left_out), media_type="application/json")

    async def control(request: Request) -> Response:
        if request.method == "POST":
            try:
                wanted = EmulatorSettings.model_validate_json(await request.body())
            except ValidationError as exc:
                return JSONResponse({"errors": validation_errors(exc)}, status_code=HTTPStatus.BAD_REQUEST)
            state.change(wanted, frozenset(wanted.model_fields_set))
        elif request.method == "DELETE":
            state.reset()
        return JSONResponse(_settings(state))

    return Starlette(
        routes=[
            Route("/", welcome, methods=["GET"]),
            Route("/people", people, methods=["GET"]),
            Route("/stats", stats, methods=["GET", "DELETE"]),
            Route("/control", control, methods=["GET", "POST", "DELETE"]),
        ]
    )


def _settings(state: EmulatorState) -> dict[str, Any]:
    rules = [
        {**one.rule.model_dump(mode="json", exclude_unset=True), "seen": one.seen, "fired": one.fired}
        for one in state.rules
    ]
    return {**state.settings.model_dump(mode="json"), "rules": rules}


def _describe(person: NamedPerson) -> dict[str, Any]:
    entry = person.entry
    known = {"id": person.id, "about": person.about, "ending": person.ending, "inn": entry.inn, "key": entry.key}
    return {**known, "request": person.request, "form": person.form}
