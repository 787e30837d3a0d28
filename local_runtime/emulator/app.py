"""The emulated services over HTTP: what is counted and scripted goes straight through, the rest is `steering`'s."""

import asyncio
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from local_runtime.emulator import apifns, effects, replies, service
from local_runtime.emulator.call import Call, Ticket
from local_runtime.emulator.counts import TAX_STEPS, Counts, Step
from local_runtime.emulator.delivery import Exchange, deliver
from local_runtime.emulator.intake import PLACES, NotAForm, read_form
from local_runtime.emulator.register import Entry
from local_runtime.emulator.replies import Reply
from local_runtime.emulator.rules import HONEST
from local_runtime.emulator.script import Settings
from local_runtime.emulator.sessions import Sessions
from local_runtime.emulator.stage import Stage
from local_runtime.emulator.steering import Steered, steering


class App:
    """The emulated services, with their state: one for one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._counts = Counts()
        self._stage = Stage(settings)
        self._sessions = Sessions()
        self._tickets = service.Tickets()
        self._steering = steering(Steered(self._counts, self._stage, self._sessions, self._tickets))
        self._subjects: dict[Step, Callable[[Call], Entry | Ticket | Reply | None]] = {
            Step.FIND: service.admit,
            Step.LEGACY: service.admit,
            Step.GET: self._tickets.of,
            Step.APIFNS: apifns.admit_paid,
        }
        self._answers: dict[Step, Callable[[Call], Reply]] = {
            Step.FIND: self._tickets.find,
            Step.LEGACY: service.legacy,
            Step.GET: service.get,
            Step.PAGE: self._sessions.page,
            Step.CONSENT: self._sessions.consent,
            Step.APIFNS: lambda call: apifns.innfl(call, self._counts),
            Step.STAT: lambda call: apifns.stat(call, self._counts),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        place = PLACES.get(scope["path"])
        if place is None:
            await self._steering(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        try:
            form = await read_form(place.method, exchange)
        except NotAForm as exc:
            await self._refuse(exc.reply, exchange)
            return
        step = place.step(form)
        if step is None:
            await self._refuse(replies.error("Неизвестная операция"), exchange)
            return
        await self._serve(Call(step, form, scope["headers"], self._stage.settings), exchange)

    async def _serve(self, call: Call, exchange: Exchange) -> None:
        self._counts.began(call.step)
        try:
            reply = await self._reply(call)
            self._counts.answered(reply.status, captcha=reply.captcha)
            await deliver(reply, call.rule, exchange)
        finally:
            self._counts.ended(call.step)

    async def _refuse(self, reply: Reply, exchange: Exchange) -> None:
        self._counts.answered(reply.status, captcha=False)
        await deliver(reply, HONEST, exchange)

    async def _reply(self, call: Call) -> Reply:
        subject = self._subjects.get(call.step)
        call.subject = subject(call) if subject else None
        if call.key:
            self._counts.about(call.step, call.key)
        call.rule = rule = self._stage.rule(call.step, call.key)
        call.pending = self._stage.pending
        delay = self._stage.latency(call.step) + rule.delay
        if delay:
            await asyncio.sleep(delay)
        if rule is HONEST:
            return self._answer(call)
        return effects.shaped(effects.instead(rule) or self._answer(call), rule)

    def _answer(self, call: Call) -> Reply:
        refused = self._sessions.refusal(call) if call.step in TAX_STEPS else None
        return refused or self._answers[call.step](call)
