"""The paid provider, api-fns.ru (fns-protocol.md, 5).

By the vendor's design a person and the key stand in the URL. The exchange that is handed in keeps
URLs out of logs and exceptions; nothing here repeats one.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from function import documents, inn
from function.outcomes import Reason, Status
from function.ports import Unavailable, Verdict
from function.rate_limit import MAX_COOLDOWN_SEC, Again, Reply, Throttled
from function.request import LookupRequest

NAME = "apifns"
API = "/api"
PATH = f"{API}/innfl"
QUOTA_PATH = f"{API}/stat"

_NO_PATRONYMIC = "нет"
_NOT_FOUND = "информация об инн не найдена"
_WRONG_KEY = "неверный ключ"
_ERROR = "ошибка"


class Page(Protocol):
    """A reply. `retry_after`: seconds, 0 where the site did not say."""

    @property
    def status(self) -> int:
        """HTTP's."""

    @property
    def body(self) -> bytes:
        """Its bytes."""

    @property
    def retry_after(self) -> float:
        """Seconds."""


class Web(Protocol):
    """Requests to the provider's site, bounded in time and size."""

    def get(self, path: str, fields: Mapping[str, str], seconds: float) -> Page:
        """Ask with the fields in the URL. Raises Unavailable, in which nothing of the URL is left."""


class Quota(NamedTuple):
    """What has been paid for: requests in all, and those used up."""

    limit: int
    spent: int


class ApiFns:
    """An Upstream, for any number of threads. `timeout`: seconds of one request."""

    name = NAME

    def __init__(self, web: Web, key: str, timeout: float) -> None:
        self._web = web
        self._key = key
        self._timeout = timeout

    def __repr__(self) -> str:
        return "ApiFns(...)"

    def serves(self, request: LookupRequest) -> bool:
        """Holders of a passport only."""
        return request.document_type == documents.PASSPORT

    def ask(self, request: LookupRequest, again: Again) -> Reply:
        """Ask for one person, once: each request is paid for."""
        fields = {
            "fam": request.last_name,
            "nam": request.first_name,
            "otch": request.middle_name or _NO_PATRONYMIC,
            "bdate": request.birth_date.strftime("%d.%m.%Y"),
            "doctype": documents.PASSPORT,
            "docno": request.document_serial + request.document_number,
            "key": self._key,
        }
        return Reply(read(self._web.get(PATH, fields, self._timeout)))

    def quota(self) -> Quota:
        """How much is left. Raises Throttled, Unavailable."""
        said = _said(self._web.get(QUOTA_PATH, {"key": self._key}, self._timeout))
        try:
            method = said["Методы"]["innfl"]
            return Quota(int(method["Лимит"]), int(method["Истрачено"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Unavailable(Reason.BAD_REPLY) from None


def root_of(url: str) -> str:
    """The site's address, where a setting names one of its methods."""
    bare = url.rstrip("/")
    for path in (PATH, QUOTA_PATH, API):
        bare = bare.removesuffix(path)
    return bare


def read(page: Page) -> Verdict:
    """What a reply means. Only its own "not found" is one. Raises Throttled, Unavailable."""
    said = _said(page)
    items = said.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _failure(said.get("error"))
    numbers = {number for item in items if isinstance(number := item.get("ИНН"), str) and inn.is_valid(number)}
    if len(numbers) > 1:
        # Two numbers for one person: nobody can say which is the right one.
        return Verdict(Status.AMBIGUOUS, "", NAME)
    if numbers:
        return Verdict(Status.FOUND, numbers.pop(), NAME)
    first = items[0] if items else said
    error = first.get("error")
    if not first.get("ИНН") and isinstance(error, str) and _NOT_FOUND in error.casefold():
        return Verdict(Status.NOT_FOUND, "", NAME)
    raise _failure(error)


def _failure(error: object) -> Unavailable:
    """The vendor's own error, or nothing that makes sense."""
    return Unavailable(Reason.PROVIDER_UNAVAILABLE if error else Reason.BAD_REPLY)


def _said(page: Page) -> Mapping[str, Any]:
    text = page.body.decode("utf-8-sig", errors="replace").strip()
    if page.status != HTTPStatus.OK:
        _refuse(page, text)
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        return said
    _refuse(page, text)
    raise Unavailable(Reason.BAD_REPLY)


def _refuse(page: Page, text: str) -> None:
    """Raise what a reply without a result stands for."""
    if _WRONG_KEY in text.casefold():
        # No client's retry mends a key: whoever runs the service sees the provider closed.
        raise Throttled(MAX_COOLDOWN_SEC)
    # What it says in plain text is about the key, its quota or the method, and the same to all persons.
    about_us = page.status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS) or text.casefold().startswith(_ERROR)
    if about_us or page.retry_after:
        raise Throttled(page.retry_after)
    if page.status != HTTPStatus.OK:
        raise Unavailable(Reason.PROVIDER_UNAVAILABLE)
