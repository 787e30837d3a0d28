"""The paid provider: every row of fns-protocol.md, 5, and the silence about person and key."""

import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.config.settings import ApiFnsSettings
from adapters.providers.apifns import ApiFns, Quota, root_of
from function.outcomes import Reason, Status
from function.ports import ProviderReply, Throttled, Unavailable, Verdict
from tests.adapters.providers.nalog import proxies
from tests.adapters.providers.nalog.certificates import self_signed
from tests.adapters.providers.nalog.people import request
from tests.adapters.providers.nalog.site import Script, in_turn, reply, serving
from tests.adapters.providers.nalog.test_rows import BAD, LATER, THROTTLED, No, throttled

KEY = "sEcReTkEy"
FOUND = ProviderReply(Verdict(Status.FOUND, "770000000082", "apifns"))
NOT_FOUND = ProviderReply(Verdict(Status.NOT_FOUND, "", "apifns"))
AMBIGUOUS = ProviderReply(Verdict(Status.AMBIGUOUS, "", "apifns"))
NONE = "Информация об ИНН не найдена. Проверьте данные"

ROWS = {
    "5: found": (reply(200, '{"items":[{"ИНН":"770000000082"}]}'), FOUND),
    "5: found, with other keys": (reply(200, '{"items":[{"ИНН":"770000000082","x":1}],"y":2}'), FOUND),
    "5: found, the same twice": (reply(200, '{"items":[{"ИНН":"770000000082"},{"ИНН":"770000000082"}]}'), FOUND),
    "5: two numbers": (reply(200, '{"items":[{"ИНН":"770000000082"},{"ИНН":"770000000300"}]}'), AMBIGUOUS),
    "5: found, a wrong checksum": (reply(200, '{"items":[{"ИНН":"770000000083"}]}'), BAD),
    "5: found, a wrong checksum and an error": (reply(200, f'{{"items":[{{"ИНН":"7","error":"{NONE}"}}]}}'), LATER),
    "5: none": (reply(200, f'{{"items":[],"error":"{NONE}"}}'), NOT_FOUND),
    "5: none, in the item": (reply(200, f'{{"items":[{{"error":"{NONE}"}}]}}'), NOT_FOUND),
    "5: none, without a word": (reply(200, '{"items":[]}'), BAD),
    "5: another error": (reply(200, '{"items":[],"error":"Сервис ФНС недоступен"}'), LATER),
    "5: another error in the item": (reply(200, '{"items":[{"error":"Сервис ФНС недоступен"}]}'), LATER),
    "5: an error that is no text": (reply(200, '{"items":[],"error":5}'), LATER),
    "5: an error without items": (reply(200, f'{{"error":"{NONE}"}}'), LATER),
    "5: items that are none": (reply(200, '{"items":{"ИНН":"770000000082"}}'), BAD),
    "5: an item that is none": (reply(200, '{"items":["770000000082"]}'), BAD),
    "5: an empty item": (reply(200, '{"items":[{}]}'), BAD),
    "5: a wrong key": (reply(200, "Ошибка: Неверный ключ (1)"), throttled(3600)),
    "5: a wrong key, 403": (reply(403, "Ошибка: Неверный ключ (1)"), throttled(3600)),
    "5: used up": (reply(200, "Ошибка: Превышен лимит запросов (2)"), THROTTLED),
    "5: used up, 500": (reply(500, "Ошибка: Превышен лимит запросов (2)"), THROTTLED),
    "5: another error as text": (reply(200, "Ошибка: Метод недоступен (7)"), THROTTLED),
    "5: a blocked address": (reply(403, "Доступ с Вашего адреса заблокирован"), THROTTLED),
    "5: 429": (reply(429, "", "Retry-After: 7"), throttled(7)),
    "5: 500": (reply(500, "oops"), LATER),
    "5: 500 with an answer in it": (reply(500, '{"items":[{"ИНН":"770000000082"}]}'), LATER),
    "5: 503, Retry-After": (reply(503, "", "Retry-After: 30"), throttled(30)),
    "5: a redirect": (reply(302, "", "Location: https://elsewhere.invalid/"), LATER),
    "5: nothing": (reply(200, ""), BAD),
    "5: HTML": (reply(200, "<html>Информация об ИНН не найдена</html>"), BAD),
    "5: an array": (reply(200, "[]"), BAD),
    "5: not UTF-8": (reply(200, b"\xff\xfe"), BAD),
    "5: too deep": (reply(200, '{"items":' + "[" * 100_000), BAD),
}


def apifns(url: str, **settings: Any) -> ApiFns:
    return ApiFns(ApiFnsSettings(enabled=True, url=url, key=SecretStr(KEY), **settings), timeout=30)


def ask(script: Script) -> ProviderReply | No:
    with serving(script) as site:
        try:
            return apifns(site.url).ask(request(), None)
        except Unavailable as no:
            return No(no.reason, no.retry_after, isinstance(no, Throttled))


@pytest.mark.parametrize("row", ROWS)
def test_a_reply(row: str) -> None:
    answer, ending = ROWS[row]
    assert ask(in_turn(answer)) == ending


def test_the_request_has_the_vendor_s_fields_and_is_made_once() -> None:
    with serving(in_turn(reply(500, ""))) as site:
        client = apifns(site.url)
        for person in (request(), request(middleName="")):
            with pytest.raises(Unavailable):
                client.ask(person, None)
    first, second = (asked.query for asked in site.asked)
    assert first == {
        "fam": "Выдуманный",
        "nam": "Пётр",
        "otch": "Ильич",
        "bdate": "03.02.1980",
        "doctype": "21",
        "docno": "0102000304",
        "key": KEY,
    }
    assert second["otch"] == "нет"
    assert all(asked.line.startswith("GET /api/innfl?") for asked in site.asked)


def test_it_serves_holders_of_a_passport_only() -> None:
    client = apifns("http://127.0.0.1:9")
    assert client.serves(request())
    assert not client.serves(request(documentType="10", documentSerial="", documentNumber="AB1"))


QUOTAS = {
    "a quota": (reply(200, '{"Методы":{"innfl":{"Лимит":"100","Истрачено":"7"}}}'), Quota(100, 7)),
    "a quota in numbers": (reply(200, '{"Методы":{"innfl":{"Лимит":100,"Истрачено":7}}}'), Quota(100, 7)),
    "none for this method": (reply(200, '{"Методы":{}}'), BAD),
    "a quota of another form": (reply(200, '{"Методы":{"innfl":[1]}}'), BAD),
    "a quota that is no number": (reply(200, '{"Методы":{"innfl":{"Лимит":"x","Истрачено":7}}}'), BAD),
    "an endless quota": (reply(200, '{"Методы":{"innfl":{"Лимит":1e999,"Истрачено":7}}}'), BAD),
    "a wrong key": (reply(200, "Ошибка: Неверный ключ (1)"), throttled(3600)),
}


@pytest.mark.parametrize("row", QUOTAS)
def test_a_quota(row: str) -> None:
    answer, ending = QUOTAS[row]
    with serving(in_turn(answer)) as site:
        try:
            quota: Quota | No = apifns(site.url).quota()
        except Unavailable as no:
            quota = No(no.reason, no.retry_after, isinstance(no, Throttled))
    assert quota == ending
    assert site.asked[0].line.startswith("GET /api/stat?key=")


@pytest.mark.parametrize("row", ["5: found", "5: a wrong key", "5: 500", "5: nothing", "5: a redirect"])
def test_neither_person_nor_key_reach_a_log_or_an_exception(row: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ask(in_turn(ROWS[row][0]))
    everything = caplog.text + "".join(repr(record.__dict__) for record in caplog.records)
    for secret in (KEY, "%D0%92", "Выдуманный", "000304", "1980"):
        assert secret not in everything


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/", "/api/innfl", "/api/stat"])
def test_an_address_may_name_the_site_or_one_of_its_methods(path: str) -> None:
    assert root_of("https://api-fns.ru" + path) == "https://api-fns.ru"


def test_the_key_is_in_no_repr() -> None:
    assert KEY not in repr(apifns("http://127.0.0.1:9"))


def test_an_unreachable_site_is_a_failure_without_a_trace_of_the_request() -> None:
    with serving(in_turn(reply(200, ""))) as site:
        url = site.url
    with pytest.raises(Unavailable) as no:
        apifns(url).ask(request(), None)
    assert no.value.reason is Reason.PROVIDER_UNAVAILABLE
    assert str(no.value) == "provider_unavailable"


def test_it_has_a_proxy_and_a_ca_bundle_as_the_tax_service_has(tmp_path: Path) -> None:
    context, trusted = self_signed(tmp_path)
    answer, ending = ROWS["5: found"]
    with serving(in_turn(answer), context) as site, proxies.running(proxies.http) as proxy:
        client = apifns(site.url, proxy=SecretStr(f"http://{proxy.address}"), ca_bundle=str(trusted))
        assert client.ask(request(), None) == ending
    assert proxy.asked == [f"CONNECT {site.url.removeprefix('https://')} HTTP/1.0"]
