"""The paid provider, api-fns.ru (fns-protocol.md, 5).

The vendor wants the person and the key in the URL. The HTTP client keeps URLs out of logs and exceptions.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple

from adapters.config.settings import ApiFnsSettings
from adapters.providers.http_client import SiteClient, SiteReply, without_page
from function import documents, inn
from function.outcomes import Reason, Status
from function.ports import ProviderReply, Throttled, Ticket, Unavailable, Verdict
from function.rate_limit import MAX_COOLDOWN_SEC
from function.request import LookupRequest

NAME = "apifns"
API = "/api"
PATH = f"{API}/innfl"
QUOTA_PATH = f"{API}/stat"

_NO_PATRONYMIC = "нет"
_NOT_FOUND = "информация об инн не найдена"
_WRONG_KEY = "неверный ключ"
_ERROR = "ошибка"


class Quota(NamedTuple):
    """The quota of requests: the paid ones, and those used up."""

    limit: int
    spent: int


class ApiFns:
    """A Provider, for any number of threads. `timeout`: seconds of one exchange."""

    name = NAME

    def __init__(self, settings: ApiFnsSettings, timeout: float) -> None:
        self._key = settings.key.get_secret_value()
        self._client = SiteClient(
            without_page(settings.url, (PATH, QUOTA_PATH, API)),
            timeout=timeout,
            proxy=settings.proxy_url,
            ca_bundle=settings.ca_bundle,
        )

    def serves(self, request: LookupRequest) -> bool:
        """Whether the document is a passport."""
        return request.document_type == documents.PASSPORT

    def ask(self, request: LookupRequest, ticket: Ticket | None) -> ProviderReply:
        """Fetch one person's INN in one request, which costs money."""
        fields = {
            "fam": request.last_name,
            "nam": request.first_name,
            "otch": request.middle_name or _NO_PATRONYMIC,
            "bdate": request.birth_date.strftime("%d.%m.%Y"),
            "doctype": documents.PASSPORT,
            "docno": request.document_serial + request.document_number,
            "key": self._key,
        }
        return ProviderReply(read(self._client.request(PATH, query=fields)))

    def quota(self) -> Quota:
        """Fetch the quota. Raises Throttled, Unavailable."""
        decoded = _decode(self._client.request(QUOTA_PATH, query={"key": self._key}))
        try:
            method = decoded["Методы"]["innfl"]
            return Quota(int(method["Лимит"]), int(method["Истрачено"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Unavailable(Reason.BAD_REPLY) from None


def read(reply: SiteReply) -> Verdict:
    """Parse a reply. Only the vendor's own "not found" counts as one. Raises Throttled, Unavailable."""
    decoded = _decode(reply)
    items = decoded.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _failure(decoded.get("error"))
    numbers = {number for item in items if isinstance(number := item.get("ИНН"), str) and inn.is_valid(number)}
    if len(numbers) > 1:
        # Two INNs for one person: it is unknown which is right.
        return Verdict(Status.AMBIGUOUS, "", NAME)
    if numbers:
        return Verdict(Status.FOUND, numbers.pop(), NAME)
    first = items[0] if items else decoded
    error = first.get("error")
    if not first.get("ИНН") and isinstance(error, str) and _NOT_FOUND in error.casefold():
        return Verdict(Status.NOT_FOUND, "", NAME)
    raise _failure(error)


def _failure(error: object) -> Unavailable:
    """PROVIDER_UNAVAILABLE for the vendor's own error, else BAD_REPLY."""
    return Unavailable(Reason.PROVIDER_UNAVAILABLE if error else Reason.BAD_REPLY)


def _decode(reply: SiteReply) -> Mapping[str, Any]:
    """The reply's JSON object. Raises Throttled, Unavailable for any other reply."""
    text = reply.text.strip()
    if reply.status == HTTPStatus.OK:
        with suppress(ValueError, RecursionError):
            decoded = json.loads(text)
            if isinstance(decoded, dict):
                return decoded
    if _WRONG_KEY in text.casefold():
        # A retry does not correct a key: the operator sees an open circuit.
        raise Throttled(MAX_COOLDOWN_SEC)
    # Errors in plain text are about the key, its quota or the method, not about the person.
    about_us = reply.status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
    if about_us or text.casefold().startswith(_ERROR) or reply.retry_after:
        raise Throttled(reply.retry_after)
    raise Unavailable(Reason.BAD_REPLY if reply.status == HTTPStatus.OK else Reason.PROVIDER_UNAVAILABLE)
