"""The paid provider: every row of fns-protocol.md, 5, and the silence about person and key."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.config.settings import ApiFnsSettings
from adapters.providers.apifns import ApiFns, Quota
from function.outcomes import Status
from function.ports import ProviderReply, Verdict
from tests.adapters.providers.nalog import proxies
from tests.adapters.providers.nalog.certificates import self_signed
from tests.adapters.providers.nalog.clients import BAD, LATER, THROTTLED, No, ending, request, throttled
from tests.adapters.providers.nalog.site import Script, in_turn, reply, serving
from tests.adapters.providers.nalog.test_forms import PERSON

KEY = "sEcReTkEy"
FOUND = ProviderReply(Verdict(Status.FOUND, "770000000082", "apifns"))
NOT_FOUND = ProviderReply(Verdict(Status.NOT_FOUND, "", "apifns"))
AMBIGUOUS = ProviderReply(Verdict(Status.AMBIGUOUS, "", "apifns"))
NONE = "Информация об ИНН не найдена. Проверьте данные"

ROWS: dict[str, tuple[bytes | str, ProviderReply | No]] = {
    "5: found": ('{"items":[{"ИНН":"770000000082"}]}', FOUND),
    "5: found, the same twice": ('{"items":[{"ИНН":"770000000082"},{"ИНН":"770000000082"}]}', FOUND),
    "5: two numbers": ('{"items":[{"ИНН":"770000000082"},{"ИНН":"770000000300"}]}', AMBIGUOUS),
    "5: found, a wrong checksum": ('{"items":[{"ИНН":"770000000083"}]}', BAD),
    "5: found, a wrong checksum and an error": (f'{{"items":[{{"ИНН":"7","error":"{NONE}"}}]}}', LATER),
    "5: none": (f'{{"items":[],"error":"{NONE}"}}', NOT_FOUND),
    "5: none, in the item": (f'{{"items":[{{"error":"{NONE}"}}]}}', NOT_FOUND),
    "5: none, without a word": ('{"items":[]}', BAD),
    "5: another error": ('{"items":[],"error":"Сервис ФНС недоступен"}', LATER),
    "5: items that are none": ('{"items":{"ИНН":"770000000082"}}', BAD),
    "5: an item that is none": ('{"items":["770000000082"]}', BAD),
    "5: an empty item": ('{"items":[{}]}', BAD),
    "5: a wrong key": ("Ошибка: Неверный ключ (1)", throttled(3600)),
    "5: used up": ("Ошибка: Превышен лимит запросов (2)", THROTTLED),
    "5: a blocked address": (reply(403, "Доступ с Вашего адреса заблокирован"), THROTTLED),
    "5: 429": (reply(429, "", "Retry-After: 7"), throttled(7)),
    "5: 500": (reply(500, "oops"), LATER),
    "5: 503, Retry-After": (reply(503, "", "Retry-After: 30"), throttled(30)),
    "5: a redirect": (reply(302, "", "Location: https://elsewhere.invalid/"), LATER),
    "5: nothing": ("", BAD),
    "5: HTML": ("<html>Информация об ИНН не найдена</html>", BAD),
    "5: not UTF-8": (reply(200, b"\xff\xfe"), BAD),
    "5: too deep": (reply(200, '{"items":' + "[" * 100_000), BAD),
}


def apifns(url: str, **settings: Any) -> ApiFns:
    return ApiFns(ApiFnsSettings(enabled=True, url=url, key=SecretStr(KEY), **settings), timeout=30)


def script(answer: bytes | str) -> Script:
    """A text has the status 200."""
    return in_turn(reply(200, answer) if isinstance(answer, str) else answer)


@pytest.mark.parametrize("row", ROWS)
def test_a_reply(row: str) -> None:
    answer, expected = ROWS[row]
    with serving(script(answer)) as site:
        assert ending(apifns(site.url).ask, request(), None) == expected


def test_the_request_has_the_vendor_s_fields_and_is_made_once() -> None:
    with serving(in_turn(reply(500, ""))) as site:
        for person in (request(), request(middleName="")):
            assert ending(apifns(site.url).ask, person, None) == LATER
    first, second = (asked.query for asked in site.asked)
    fields = {name: value for name, value in PERSON.items() if name != "docdt"}
    assert first == {**fields, "docno": "0102000304", "key": KEY}
    assert second["otch"] == "нет"
    assert all(asked.line.startswith("GET /api/innfl?") for asked in site.asked)


QUOTAS = {
    "a quota in numbers": ('{"Методы":{"innfl":{"Лимит":100,"Истрачено":7}}}', Quota(100, 7)),
    "a quota of another form": ('{"Методы":{"innfl":[1]}}', BAD),
    "a quota that is no number": ('{"Методы":{"innfl":{"Лимит":"x","Истрачено":7}}}', BAD),
    "an endless quota": ('{"Методы":{"innfl":{"Лимит":1e999,"Истрачено":7}}}', BAD),
    "a wrong key": ("Ошибка: Неверный ключ (1)", throttled(3600)),
}


@pytest.mark.parametrize("row", QUOTAS)
def test_a_quota(row: str) -> None:
    answer, expected = QUOTAS[row]
    with serving(script(answer)) as site:
        assert ending(apifns(site.url).quota) == expected
    assert site.asked[0].line.startswith("GET /api/stat?key=")


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/", "/api/innfl", "/api/stat"])
def test_an_address_may_name_the_site_or_one_of_its_methods(path: str) -> None:
    answer, expected = ROWS["5: found"]
    with serving(script(answer)) as site:
        assert apifns(site.url + path).ask(request(), None) == expected
    assert site.asked[0].line.startswith("GET /api/innfl?")


def test_it_serves_holders_of_a_passport_only_and_shows_no_key() -> None:
    client = apifns("http://127.0.0.1:9")
    assert client.serves(request())
    assert not client.serves(request(documentType="10", documentSerial="", documentNumber="AB1"))
    assert KEY not in repr(client)


def test_it_has_a_proxy_and_a_ca_bundle_as_the_tax_service_has(tmp_path: Path) -> None:
    context, trusted = self_signed(tmp_path)
    answer, expected = ROWS["5: found"]
    with serving(script(answer), context) as site, proxies.running(proxies.http) as proxy:
        client = apifns(site.url, proxy=SecretStr(f"http://{proxy.address}"), ca_bundle=str(trusted))
        assert client.ask(request(), None) == expected
    assert proxy.asked == [f"CONNECT {site.url.removeprefix('https://')} HTTP/1.0"]
