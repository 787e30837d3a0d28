"""The emulated services over HTTP: a plain ASGI application for the hot paths, Starlette's for the rest."""

import asyncio
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local_runtime.emulator import replies
from local_runtime.emulator.counts import Counts, Step
from local_runtime.emulator.people import PEOPLE
from local_runtime.emulator.register import Entry, entry_of
from local_runtime.emulator.replies import Reply
from local_runtime.emulator.script import Settings
from local_runtime.emulator.service import Service, entry_or_refusal, legacy

MAX_FORM = 64 * 1024
STEPS = {
    "/inn-new-proc.json": {"find": Step.FIND, "get": Step.GET},
    "/inn-new-proc.do": {"find": Step.FIND, "get": Step.GET},
    "/inn-proc.json": {"innMy": Step.LEGACY},
    "/inn-proc.do": {"innMy": Step.LEGACY},
}


class App:
    """Both protocols of the tax service, and what steers and counts them."""

    def __init__(self, settings: Settings) -> None:
        self.service = Service()
        self.counts = Counts()
        self.initial = settings
        self.settings = settings
        self.captchas = 0
        self.rest = Starlette(
            routes=[
                Route("/stats", self._stats, methods=["GET"]),
                Route("/stats", self._forget, methods=["DELETE"]),
                Route("/people", self._people, methods=["GET"]),
                Route("/control", self._show, methods=["GET"]),
                Route("/control", self._control, methods=["POST"]),
                Route("/control", self._reset, methods=["DELETE"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        steps = STEPS.get(scope["path"])
        if steps is None or scope["method"] != "POST":
            await self.rest(scope, receive, send)
            return
        form = dict(parse_qsl((await _body(receive)).decode(), keep_blank_values=True))
        step = steps.get(form.get("c", ""))
        reply = replies.error("Неизвестная операция") if step is None else await self._answer(step, form)
        await _send(reply, send)

    async def _answer(self, step: Step, form: dict[str, str]) -> Reply:
        self.counts.began(step)
        try:
            reply = await self._reply(step, form)
            self.counts.answered(reply.status, captcha=reply.captcha)
            return reply
        finally:
            self.counts.ended(step)

    async def _reply(self, step: Step, form: dict[str, str]) -> Reply:
        settings = self.settings
        if step is Step.GET:
            ticket = self.service.ticket(form.get("requestId", ""))
            if ticket is not None:
                self.counts.about(step, ticket.entry.key)
            latency = settings.latency if settings.get_latency is None else settings.get_latency
            if latency:
                await asyncio.sleep(latency)
            return self.service.get(ticket)
        if isinstance(entry_or_refusal(form), Entry):
            self.counts.about(step, entry_of(form).key)
        if settings.latency:
            await asyncio.sleep(settings.latency)
        if self._captcha_due(settings):
            return replies.as_json({"captchaRequired": True}, captcha=True)
        return self.service.find(form, settings.pending) if step is Step.FIND else legacy(form)

    def _captcha_due(self, settings: Settings) -> bool:
        if settings.captcha_after is None:
            return False
        self.captchas += 1
        due = self.captchas - settings.captcha_after
        return due > 0 and (settings.captcha_for is None or due <= settings.captcha_for)

    async def _stats(self, request: Request) -> Response:
        stats = self.counts.stats(brief="brief" in request.query_params)
        return Response(stats.model_dump_json(), media_type="application/json")

    async def _forget(self, _request: Request) -> Response:
        self.counts.reset()
        return Response(status_code=204)

    async def _people(self, _request: Request) -> Response:
        return JSONResponse(
            [
                {
                    "id": person.id,
                    "about": person.about,
                    "ending": person.ending,
                    "inn": person.entry.inn,
                    "key": person.entry.key,
                    "request": person.request,
                    "form": person.form,
                }
                for person in PEOPLE
            ]
        )

    async def _show(self, _request: Request) -> Response:
        return Response(self.settings.model_dump_json(), media_type="application/json")

    async def _control(self, request: Request) -> Response:
        try:
            given = Settings.model_validate_json(await request.body())
        except ValidationError as exc:
            faults = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()]
            return JSONResponse({"errors": faults}, status_code=400)
        changed = {name: getattr(given, name) for name in given.model_fields_set}
        self.settings = self.settings.model_copy(update=changed)
        if changed.keys() & {"captcha_after", "captcha_for"}:
            self.captchas = 0
        return await self._show(request)

    async def _reset(self, request: Request) -> Response:
        self.settings = self.initial
        self.captchas = 0
        return await self._show(request)


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _send(reply: Reply, send: Send) -> None:
    headers = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", b"%d" % len(reply.body)),
        *((name.encode(), value.encode()) for name, value in reply.headers.items()),
    ]
    await send({"type": "http.response.start", "status": int(reply.status), "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
