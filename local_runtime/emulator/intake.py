"""What comes in: at which path which step is served, and the form that a request brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from local_runtime.emulator import replies
from local_runtime.emulator.counts import Step
from local_runtime.emulator.delivery import Exchange
from local_runtime.emulator.forms import MULTIPART, URL_ENCODED, form_of, multipart_of

MAX_FORM = 64 * 1024

_NEW = {"find": Step.FIND, "get": Step.GET}
_OLD = {"innMy": Step.LEGACY}


@dataclass(frozen=True, slots=True)
class Place:
    """What is served at one path: a step, or the steps by the form's `c`."""

    method: str
    steps: Step | Mapping[str, Step]

    def step(self, form: Mapping[str, str]) -> Step | None:
        """The step that the form asks for; None: there is no such operation."""
        return self.steps if isinstance(self.steps, Step) else self.steps.get(form.get("c", ""))


PLACES = {
    "/inn-new-proc.json": Place("POST", _NEW),
    "/inn-new-proc.do": Place("POST", _NEW),
    "/inn-proc.json": Place("POST", _OLD),
    "/inn-proc.do": Place("POST", _OLD),
    "/inn.do": Place("GET", Step.PAGE),
    "/static/personal-data-proc.json": Place("POST", Step.CONSENT),
    "/api/innfl": Place("GET", Step.APIFNS),
    "/api/stat": Place("GET", Step.STAT),
}


class NotAForm(Exception):
    """The request's body is no form; the reply says so."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.reply = replies.error(text, status)


async def read_form(method: str, exchange: Exchange) -> dict[str, str]:
    """The request's fields. Raises NotAForm."""
    if exchange.scope["method"] != method:
        # A person in a URL would stand in every log on the way.
        raise NotAForm("Метод не поддерживается", HTTPStatus.METHOD_NOT_ALLOWED)
    try:
        if method == "GET":
            return form_of(exchange.scope["query_string"])
        body = await _body(exchange)
        kind = next((value for name, value in exchange.scope["headers"] if name == b"content-type"), b"")
        if kind.startswith(URL_ENCODED):
            return form_of(body)
        if kind.startswith(MULTIPART):
            return multipart_of(body, kind)
    except ValueError:
        raise NotAForm("Неверная кодировка", HTTPStatus.BAD_REQUEST) from None
    raise NotAForm("Неверный тип содержимого", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


async def _body(exchange: Exchange) -> bytes:
    body = b""
    more = True
    while more:
        message = await exchange.receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_FORM:
            raise NotAForm("Слишком длинный запрос", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body
