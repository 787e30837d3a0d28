"""Every row of fns-protocol.md, 1 to 3, and what becomes of it. An id begins with the row's section."""

import pytest

from function.outcomes import FieldError, Reason, Status
from function.ports import Invalid, Pending, ProviderReply, Verdict
from tests.adapters.providers.nalog.clients import BAD, LATER, THROTTLED, No, ending, nalog, request, throttled
from tests.adapters.providers.nalog.site import in_turn, reply, serving
from tests.doubles import TICKET

Ending = ProviderReply | No
Rows = dict[str, tuple[bytes | str, Ending]]
FOUND = ProviderReply(Verdict(Status.FOUND, "770000000082", "nalog"))
NOT_FOUND = ProviderReply(Verdict(Status.NOT_FOUND, "", "nalog"))
AMBIGUOUS = ProviderReply(Verdict(Status.AMBIGUOUS, "", "nalog"))
PENDING = ProviderReply(Pending(TICKET, 1))


def again(
    failure: Reason | None = None, *, captcha_ahead: bool = False, wait: float = 2, refusals: int = 0
) -> ProviderReply:
    """The reply to a first poll after which the ticket is as good as before."""
    return ProviderReply(Pending(TICKET._replace(polls=1, refusals=refusals), wait), captcha_ahead, failure)


def invalid(field: str, text: str = "is not accepted by the tax service") -> ProviderReply:
    return ProviderReply(Invalid((FieldError(field, text),)))


HTML_TYPE = "Content-Type: text/html;charset=UTF-8"
MAINTENANCE = (
    "<!DOCTYPE html><html><body><p>Сервис недоступен в связи с проведением технических работ</p></body></html>"
)
HTML = "<html><body>405 Not Allowed</body></html>"
WRONG_FIELDS = '{"ERROR":"-","ERRORS":{"fam":["Недопустимые символы"],"docno":["Неверный","номер"]},"STATUS":400}'
INVALID = ProviderReply(
    Invalid((FieldError("lastName", "Недопустимые символы"), FieldError("documentNumber", "Неверный номер")))
)

FIND_ROWS: Rows = {
    "1 find: a requestId": ('{"requestId":"0A1B2C","captchaRequired":false}', PENDING),
    "1 find: captchaRequired with a requestId: polled, and cooled":
        ('{"requestId":"0A1B2C","captchaRequired":true}', PENDING._replace(captcha_ahead=True)),
    "1 find: an empty body": ("", THROTTLED),
    "1: maintenance": (reply(200, MAINTENANCE, HTML_TYPE), THROTTLED),
    "1 find: captchaRequired without a requestId": ('{"captchaRequired":true}', THROTTLED),
    "1 find: a requestId that is no text": ('{"requestId":7,"captchaRequired":false}', BAD),
    "1 find: a requestId that no form can carry": (r'{"requestId":"0A\ud800"}', BAD),
    "1 find: neither": ('{"captchaRequired":false}', BAD),
    "1 find: an answer of the other protocol": ('{"captchaRequired":false,"code":0}', BAD),
}  # fmt: skip

UNKNOWN_ID = "Недопустимый идентификатор запроса"
ANSWERED: dict[str, tuple[str, Ending]] = {
    "1 get: state as a float": ('{"state":1.0,"inn":"770000000082"}', FOUND),
    "1 get: other keys":
        ('{"state":1.0,"inn":"770000000082","error_code":0.0,"id":5,"entityId":7,"result":true}', FOUND),
    "1 get: the state decides, whatever error_code says": ('{"state":0.0,"error_code":53.0}', NOT_FOUND),
    "1 get: state 1, the INN as a float": ('{"state":1,"inn":7.70000000082e11}', FOUND),
    "1 get: state 1, the INN as a number, its leading zero lost":
        ('{"state":1,"inn":10100000018}', ProviderReply(Verdict(Status.FOUND, "010100000018", "nalog"))),
    "1 get: state 1, a wrong checksum": ('{"state":1,"inn":"770000000083"}', BAD),
    "1 get: state 1, an empty INN": ('{"state":1,"inn":""}', BAD),
    "1 get: state 0": ('{"state":0}', NOT_FOUND),
    "1 get: state 0, and an INN all the same": ('{"state":0,"inn":"770000000082"}', BAD),
    "1 get: state 3": ('{"state":3.0}', AMBIGUOUS),
    "1 get: state -2": ('{"state":-2.0}', LATER),
    "1 get: state 2": ('{"state":2,"inn":"770000000082"}', LATER),
    "1 get: an unknown positive state ends": ('{"state":17}', LATER),
    "1 get: a state between the states": ('{"state":0.5}', LATER),
    "1 get: a state beyond all numbers": ('{"state":1e999}', LATER),
    "1 get: state -1": ('{"state":-1.0}', again()),
    "1 get: an unknown requestId": (f'{{"ERROR":"{UNKNOWN_ID}"}}', again(LATER.reason, refusals=1)),
    "1 get: no state": ('{"inn":"770000000082"}', again(Reason.BAD_REPLY)),
    "1 get: state 0 as a text": ('{"state":"0"}', NOT_FOUND),
    "1 get: a state that is a text": ('{"state":"none"}', again(Reason.BAD_REPLY)),
    "1 get: a state that is no": ('{"state":false}', again(Reason.BAD_REPLY)),
    "1 get: two states": ('{"state":1,"inn":"770000000082","state":0}', again(Reason.BAD_REPLY)),
    "1 get: captchaRequired beside a state":
        ('{"state":0,"captchaRequired":true}', NOT_FOUND._replace(captcha_ahead=True)),
    "1 get: captchaRequired and no state: the ticket is kept":
        ('{"captchaRequired":true}', again(Reason.THROTTLED, captcha_ahead=True)),
    "1 get: an internal error": ('{"ERROR":"Произошла внутренняя ошибка"}', LATER),
}  # fmt: skip

LEGACY_ROWS: Rows = {
    "2: code 1": ('{"inn":"770000000082","captchaRequired":false,"code":1}', FOUND),
    "2: code 0": ('{"captchaRequired":false,"code":0}', NOT_FOUND),
    "2: code 3": ('{"captchaRequired":false,"code":3}', AMBIGUOUS),
    "2: code 2": ('{"captchaRequired":false,"code":2}', LATER),
    "2: code 99": ('{"captchaRequired":false,"code":99}', LATER),
    "2: captchaRequired and no code": ('{"captchaRequired":true}', THROTTLED),
    "2: captchaRequired beside a code":
        ('{"inn":"770000000082","captchaRequired":true,"code":1}', FOUND._replace(captcha_ahead=True)),
    "2: no code": ('{"captchaRequired":false}', BAD),
    "2: 404 with an answer": (reply(404, '{"inn":"770000000082","captchaRequired":false,"code":1}'), FOUND),
    "2: 403 with code 0": (reply(403, '{"captchaRequired":false,"code":0}'), BAD),
}  # fmt: skip

# Whatever step they answer.
ERROR_ROWS: Rows = {
    "3: 400, fields": (reply(400, WRONG_FIELDS), INVALID),
    "3: 400 in the body only": (WRONG_FIELDS, INVALID),
    "3: 400, a text instead of a list":
        (reply(400, '{"ERRORS":{"bdate":"Неверная дата"},"STATUS":400}'), invalid("birthDate", "Неверная дата")),
    "3: 400, a field without a text": (reply(400, '{"ERRORS":{"otch":[]},"STATUS":400}'), invalid("middleName")),
    "3: 400, a text that no reply can carry":
        (reply(400, r'{"ERRORS":{"otch":["\ud800"]},"STATUS":400}'), invalid("middleName")),
    "3: 400, fields of ours only": (reply(400, '{"ERROR":"-","ERRORS":{"c":["?"]},"STATUS":400}'), LATER),
    "3: 400, captcha": (reply(400, '{"ERROR":"-","ERRORS":{"captcha":["Введите"]},"STATUS":400}'), THROTTLED),
    "3: 400, captchaToken": (reply(400, '{"ERROR":"-","ERRORS":{"captchaToken":["?"]},"STATUS":400}'), THROTTLED),
    "3: 400, captcha and fields":
        (reply(400, '{"ERRORS":{"captcha":["?"],"fam":["?"]},"STATUS":400}', "Retry-After: 40"), throttled(40)),
    "3: 400, a text only": (reply(400, '{"ERROR":"Запрос не принят","STATUS":400}'), LATER),
    "3: not 200, ERROR": (reply(403, '{"ERROR":"Доступ закрыт","STATUS":403}'), LATER),
    "3: not 200 in the body only": ('{"ERROR":"Сервис недоступен","STATUS":503}', LATER),
    "3: 429": (reply(429, "", "Retry-After: 30"), throttled(30)),
    "3: 429, no Retry-After": (reply(429, '{"ERROR":"x","STATUS":429}'), THROTTLED),
    "3: 500": (reply(500, "Internal Server Error"), LATER),
    "3: 500 with an answer in it": (reply(500, '{"state":0,"code":0}'), LATER),
    "3: 502, HTML": (reply(502, "<html>Bad Gateway</html>"), LATER),
    "3: 503": (reply(503, '{"ERROR":"x","STATUS":503}'), LATER),
    "3: 503, Retry-After": (reply(503, "", "Retry-After: 120"), throttled(120)),
    "3: 503, Retry-After as a date": (reply(503, "", "Retry-After: Wed, 01 Jul 2099 10:01:30 GMT"), throttled(3600)),
    "3: 503, Retry-After a year": (reply(503, "", "Retry-After: 31536000"), throttled(3600)),
    "3: 503, Retry-After in the past": (reply(503, "", "Retry-After: Wed, 01 Jul 2020 10:01:30 GMT"), LATER),
    "3: 503, Retry-After nonsense": (reply(503, "", "Retry-After: soon"), LATER),
    "3: 405, HTML": (reply(405, HTML), THROTTLED),
    "3: 405, nothing": (reply(405, ""), THROTTLED),
    "3: 200, HTML": (HTML, THROTTLED),
    "3: 403, HTML": (reply(403, HTML), THROTTLED),
    "3: 200, HTML with an object of its own": ('<html><script>f({"a":1})</script></html>', THROTTLED),
    "3: a redirect": (reply(302, "", "Location: https://elsewhere.invalid/"), LATER),
    "3: empty body, 404": (reply(404, ""), BAD),
    "3: windows-1251, by its Content-Type": (
        reply(400, WRONG_FIELDS.encode("windows-1251"), "Content-Type: application/json;charset=windows-1251"), INVALID
    ),
    "3: windows-1251, undeclared": (reply(400, WRONG_FIELDS.encode("windows-1251")), INVALID),
    "3: UTF-8, declared as nothing that is known":
        (reply(400, WRONG_FIELDS, "Content-Type: application/json; charset=punycode"), INVALID),
    "3: a text that was broken before it came":
        (reply(400, '{"ERRORS":{"fam":["Недопустимые \ufffd"]},"STATUS":400}'), invalid("lastName")),
    "3: a text": ("OK", BAD),
    "3: an array": ("[]", BAD),
    "3: a bare zero": ("0", BAD),
    "3: an object of nothing": ("{}", BAD),
    "3: an object in a text": ('x {"state":0,"code":0} y', BAD),
    "3: not UTF-8": (reply(200, b"\xff\xfe\x00"), BAD),
}  # fmt: skip

LENIENT = {
    "3: JSON wrapped in HTML": '<html><body><div id="result">%s</div></body></html>',
    "3: JSON after a byte order mark": "\ufeff%s",
    "3: JSON among blank lines": "\r\n\r\n %s \r\n",
}


def asked(step: str, answer: bytes | str) -> Ending:
    """How a find, a get or the one step of the legacy protocol ends that is answered so; a text has the status 200."""
    protocol = "legacy" if step == "legacy" else "two-step"
    with serving(in_turn(reply(200, answer) if isinstance(answer, str) else answer)) as site:
        return ending(nalog(site.url, protocol=protocol).ask, request(), None if step == "find" else TICKET)


ROWS: dict[str, Rows] = {"find": FIND_ROWS | ERROR_ROWS, "get": {**ANSWERED}, "legacy": LEGACY_ROWS | ERROR_ROWS}


@pytest.mark.parametrize(("step", "row"), [(step, row) for step, rows in ROWS.items() for row in rows])
def test_a_reply(step: str, row: str) -> None:
    answer, expected = ROWS[step][row]
    assert asked(step, answer) == expected


POLL_ROWS: Rows = ERROR_ROWS | {"3: empty body": ("", BAD)}


@pytest.mark.parametrize("row", POLL_ROWS)
def test_an_error_on_a_poll_keeps_the_ticket_unless_the_person_s_fields_are_wrong(row: str) -> None:
    answer, expected = POLL_ROWS[row]
    if isinstance(expected, No) and row != "3: not 200 in the body only":
        captcha = "captcha" in row
        expected = again(expected.reason, captcha_ahead=captcha, wait=max(2, expected.retry_after))
    if expected == again(Reason.THROTTLED, wait=3600):
        expected = LATER  # the ticket does not live so long
    assert asked("get", answer) == expected


@pytest.mark.parametrize("row", LENIENT)
def test_what_is_wrapped_is_read_all_the_same(row: str) -> None:
    wrap = LENIENT[row]
    assert asked("find", wrap % '{"requestId":"0A1B2C"}') == PENDING
    assert asked("get", wrap % '{"state":1.0,"inn":"770000000082"}') == FOUND
    assert asked("legacy", wrap % '{"code":0.0}') == NOT_FOUND
