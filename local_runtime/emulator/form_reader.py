"""Reads the URL-encoded form of a request."""

from functools import lru_cache
from http import HTTPStatus
from urllib.parse import unquote_plus

from starlette.requests import Request

from local_runtime.emulator import http_replies

FORM_TYPE = "application/x-www-form-urlencoded"
MAX_FORM = 64 * 1024


class BadForm(Exception):
    """The request's form cannot be used; `reply` is the error."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.reply = http_replies.error(text, status)


async def read_form(method: str, request: Request) -> dict[str, str]:
    """The fields of the body, or with method GET of the query; of repeated ones the last. Raises BadForm."""
    if request.method != method:
        # A person in a URL would be in every log on the way.
        raise BadForm("Метод не поддерживается", HTTPStatus.METHOD_NOT_ALLOWED)
    form: bytes = request.scope["query_string"] if method == "GET" else await _body(request)
    try:
        pairs = [pair.partition("=") for pair in form.decode("ascii").split("&")]
        return {_decode(name): _decode(value) for name, _, value in pairs}
    except ValueError:
        raise BadForm("Неверная кодировка", HTTPStatus.BAD_REQUEST) from None


# Names repeat: decoding them anew would take twice the time of the rest of a find.
@lru_cache(4096)
def _decode(text: str) -> str:
    return unquote_plus(text, errors="strict")


async def _body(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith(FORM_TYPE):
        raise BadForm("Неверный тип содержимого", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise BadForm("Слишком длинный запрос", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body
