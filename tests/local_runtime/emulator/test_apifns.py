"""fns-protocol.md, 5: every row, as the emulated paid provider plays it."""

from typing import Any
from urllib.parse import urlencode

import pytest

from local_runtime.emulator.client import Emulator

Form = dict[str, str]
KEY = "emulated-key"


@pytest.fixture
def paid(client: Any) -> Any:
    def ask(form: Form, **changes: str) -> Any:
        fields = {name: form.get(name, "") for name in ("fam", "nam", "otch", "bdate", "doctype", "docno")}
        fields["otch"] = fields["otch"] or "нет"
        fields["docno"] = fields["docno"].replace(" ", "")
        return client("/api/innfl?" + urlencode({**fields, "key": KEY, **changes}))

    return ask


def test_it_knows_the_same_people_as_the_tax_service(
    paid: Any, client: Any, form: Form, people: dict[str, Form]
) -> None:
    for person in (form, people["ivanova"], people["lee"]):
        reply = paid(person)
        assert (reply.status, reply.json) == (200, {"items": [{"ИНН": client.get(client.find(person)).json["inn"]}]})


@pytest.mark.parametrize("who", ["nobody", "namesake"])
def test_a_person_without_inn(paid: Any, people: dict[str, Form], who: str) -> None:
    reply = paid(people[who]).json
    assert reply["items"] == []
    assert reply["error"].startswith("Информация об ИНН не найдена")


@pytest.mark.parametrize("who", ["unavailable", "stuck", "captcha"])
def test_it_answers_where_the_tax_service_does_not(paid: Any, people: dict[str, Form], who: str) -> None:
    assert paid(people[who]).json["items"][0]["ИНН"]


@pytest.mark.parametrize(
    ("who", "changes"),
    [
        ("ivanova", {"doctype": "01"}),
        ("ivanova", {"docno": "45 11 123456"}),
        ("ivanova", {"docno": "451112345"}),
        ("ivanova", {"fam": ""}),
        ("ivanova", {"bdate": "1990-07-15"}),
        ("rejected", {}),
    ],
)
def test_a_person_whose_fields_are_wrong(paid: Any, people: dict[str, Form], who: str, changes: Form) -> None:
    reply = paid(people[who], **changes)
    assert reply.status == 200
    assert reply.json["items"][0].keys() == {"error"}


def test_a_wrong_key_is_plain_text(emulator: Emulator, paid: Any, form: Form) -> None:
    reply = paid(form, key="another")
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.body.decode() == "Ошибка: Неверный ключ (1)"
    emulator.control(apifns_key="another")
    assert paid(form, key="another").json["items"]


def test_a_wrong_checksum(emulator: Emulator, paid: Any, form: Form) -> None:
    emulator.control(rules=[{"on": "apifns", "inn": "123456789037"}])
    assert paid(form).json == {"items": [{"ИНН": "123456789037"}]}


def test_the_quota_counts_what_was_asked(emulator: Emulator, paid: Any, client: Any, form: Form) -> None:
    emulator.control(apifns_limit=1)
    paid(form)
    quota = client(f"/api/stat?key={KEY}").json["Методы"]["innfl"]
    assert quota == {"Лимит": 1, "Истрачено": 1}
    assert paid(form).body.decode().startswith("Ошибка")
    assert client("/api/stat?key=another").body.decode() == "Ошибка: Неверный ключ (1)"


def test_the_tax_services_scenarios_are_not_the_vendors(emulator: Emulator, paid: Any, client: Any, form: Form) -> None:
    emulator.control(scenario="down")
    assert client.find(form).status == 503
    assert paid(form).json["items"]


def test_a_post_is_refused(client: Any) -> None:
    assert client("/api/innfl", {}).status == 405
