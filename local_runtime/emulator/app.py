"""The ASGI application of the emulated services: counts requests and applies rules. `control` serves other paths."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from local_runtime.emulator import apifns, session_and_consent, tax_service
from local_runtime.emulator.control import control_app
from local_runtime.emulator.control_settings import EmulatorSettings
from local_runtime.emulator.fault_rules import NO_RULE, TAX_STEPS, apply_rule, replacement
from local_runtime.emulator.form_reader import BadForm, read_form
from local_runtime.emulator.http_replies import HttpReply
from local_runtime.emulator.register import PersonEntry
from local_runtime.emulator.reply_sender import send_reply
from local_runtime.emulator.state import Call, EmulatorState, PendingResult
from local_runtime.emulator.stats import Step


class ServedPath(NamedTuple):
    """What is served at one path: one step, or a step by the form's `c`."""

    method: str
    steps: Step | Mapping[str, Step]


_TWO_STEP = ServedPath("POST", {"find": Step.FIND, "get": Step.GET})
_LEGACY = ServedPath("POST", {"innMy": Step.LEGACY})
PATHS = {
    "/inn-new-proc.json": _TWO_STEP,
    "/inn-new-proc.do": _TWO_STEP,
    "/inn-proc.json": _LEGACY,
    "/inn-proc.do": _LEGACY,
    "/inn.do": ServedPath("GET", Step.PAGE),
    "/static/personal-data.html": ServedPath("GET", Step.CONSENT_PAGE),
    "/static/personal-data-proc.json": ServedPath("POST", Step.CONSENT),
    "/api/innfl": ServedPath("GET", Step.APIFNS),
    "/api/stat": ServedPath("GET", Step.STAT),
}
_SUBJECTS: dict[Step, Callable[[Call], PersonEntry | PendingResult | HttpReply | None]] = {
    Step.FIND: tax_service.person_of,
    Step.LEGACY: tax_service.person_of,
    Step.GET: tax_service.result_of,
    Step.APIFNS: apifns.paid_person_of,
}
_ANSWERS: dict[Step, Callable[[Call], HttpReply]] = {
    Step.FIND: tax_service.find,
    Step.LEGACY: tax_service.legacy,
    Step.GET: tax_service.get,
    Step.PAGE: session_and_consent.page,
    Step.CONSENT_PAGE: lambda _: session_and_consent.CONSENT_FORM_PAGE,
    Step.CONSENT: session_and_consent.consent,
    Step.APIFNS: apifns.innfl,
    Step.STAT: apifns.stat,
}


class EmulatorApp:
    """The emulated services with their state: one for one event loop.

    `connections`: uvicorn's protocols in the server that it runs in; a reply that breaks its connection needs them.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self.connections: Iterable[Any] = ()
        self._state = EmulatorState(settings)
        self._control = control_app(self._state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        served = PATHS.get(scope["path"])
        if served is None:
            await self._control(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            reply = await self._reply(await self._call(served, request))
        except BadForm as exc:
            reply = exc.reply
        self._state.stats.statuses[int(reply.status)] += 1
        self._state.stats.captchas += reply.captcha
        await send_reply(reply, request, send, self.connections)

    async def _call(self, served: ServedPath, request: Request) -> Call:
        """The counted request. Raises BadForm."""
        form = await read_form(served.method, request)
        step = served.steps if isinstance(served.steps, Step) else served.steps.get(form.get("c", ""))
        if step is None:
            raise BadForm("Неизвестная операция", HTTPStatus.BAD_REQUEST)
        self._state.stats.calls[step] += 1
        return Call(step, form, request, self._state)

    async def _reply(self, call: Call) -> HttpReply:
        if call.step in _SUBJECTS:
            call.subject = _SUBJECTS[call.step](call)
        if call.key:
            self._state.stats.add_person(call.step, call.key)
        call.rule = rule = self._state.rule(call.step, call.key, call.poll)
        delay = self._state.latency(call.step) + rule.delay
        if delay:
            await asyncio.sleep(delay)
        reply = replacement(rule) or self._answer(call)
        return reply if rule is NO_RULE else apply_rule(reply, rule)

    def _answer(self, call: Call) -> HttpReply:
        refused = session_and_consent.refusal(call) if call.step in TAX_STEPS else None
        return refused or _ANSWERS[call.step](call)
