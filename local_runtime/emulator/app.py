"""The ASGI application of the emulated services: counts requests and applies rules. `control` serves other paths."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send

from local_runtime.emulator import apifns, replies, tax_service
from local_runtime.emulator.consent import Sessions
from local_runtime.emulator.control import control_app
from local_runtime.emulator.counts import TAX_STEPS, Counts, Step
from local_runtime.emulator.forms import NotAForm, read_form
from local_runtime.emulator.register import PersonEntry
from local_runtime.emulator.replies import HttpReply
from local_runtime.emulator.reply_sender import AsgiRequest, send_reply
from local_runtime.emulator.rules import Behaviour
from local_runtime.emulator.settings import NO_RULE, EmulatorSettings
from local_runtime.emulator.tax_service import Call, PendingResult, TwoStepService


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


class EmulatorApp:
    """The emulated services with their state: one for one event loop.

    `connections`: uvicorn's protocols in the server that it runs in; a reply that breaks its connection needs them.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self.connections: Iterable[Any] = ()
        self._counts = Counts()
        self._behaviour = Behaviour(settings)
        self._sessions = Sessions()
        two_step = TwoStepService()
        self._control = control_app(self._counts, self._behaviour, self._sessions, two_step)
        self._subjects: dict[Step, Callable[[Call], PersonEntry | PendingResult | HttpReply | None]] = {
            Step.FIND: tax_service.person_of,
            Step.LEGACY: tax_service.person_of,
            Step.GET: two_step.result_of,
            Step.APIFNS: apifns.paid_person_of,
        }
        self._answers: dict[Step, Callable[[Call], HttpReply]] = {
            Step.FIND: two_step.find,
            Step.LEGACY: tax_service.legacy,
            Step.GET: two_step.get,
            Step.PAGE: self._sessions.page,
            Step.CONSENT_PAGE: self._sessions.consent_page,
            Step.CONSENT: self._sessions.consent,
            Step.APIFNS: lambda call: apifns.innfl(call, self._counts),
            Step.STAT: lambda call: apifns.stat(call, self._counts),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        served = PATHS.get(scope["path"])
        if served is None:
            await self._control(scope, receive, send)
            return
        request = AsgiRequest(scope, receive, send, self.connections)
        try:
            form = await read_form(served.method, request)
        except NotAForm as exc:
            await self._refuse(exc.reply, request)
            return
        step = served.steps if isinstance(served.steps, Step) else served.steps.get(form.get("c", ""))
        if step is None:
            await self._refuse(replies.error("Неизвестная операция"), request)
            return
        await self._serve(Call(step, form, scope["headers"], self._behaviour.settings), request)

    async def _serve(self, call: Call, request: AsgiRequest) -> None:
        self._counts.start(call.step)
        try:
            reply = await self._reply(call)
            self._counts.add_reply(reply.status, captcha=reply.captcha)
            await send_reply(reply, call.rule, request)
        finally:
            self._counts.end(call.step)

    async def _refuse(self, reply: HttpReply, request: AsgiRequest) -> None:
        self._counts.add_reply(reply.status, captcha=False)
        await send_reply(reply, NO_RULE, request)

    async def _reply(self, call: Call) -> HttpReply:
        subject = self._subjects.get(call.step)
        call.subject = subject(call) if subject else None
        if call.key:
            self._counts.add_person(call.step, call.key)
        call.rule = rule = self._behaviour.rule(call.step, call.key, call.poll)
        delay = self._behaviour.latency(call.step) + rule.delay
        if delay:
            await asyncio.sleep(delay)
        if rule is NO_RULE:
            return self._answer(call)
        return replies.apply_rule(replies.replacement(rule) or self._answer(call), rule)

    def _answer(self, call: Call) -> HttpReply:
        refused = self._sessions.refusal(call) if call.step in TAX_STEPS else None
        return refused or self._answers[call.step](call)
