"""The two-step client against replies written by hand."""

from adapters.nalog import NalogConfig
from adapters.nalog.conversation import Timing
from adapters.nalog.two_step import TwoStep
from function.outcomes import Status
from function.pacing import Reply
from function.ports import Verdict
from tests.adapters.nalog.people import request
from tests.adapters.nalog.site import in_turn, reply, serving


def granted(_seconds: float) -> bool:
    return True


def test_a_person_is_found_after_two_pending_polls() -> None:
    slept: list[float] = []
    script = in_turn(
        reply(200, '{"requestId":"0A1B","captchaRequired":false}'),
        reply(200, '{"state":-1.0}'),
        reply(200, '{"state":-1}'),
        reply(200, '{"state":1.0,"inn":"770000000082"}'),
    )
    with serving(script) as site:
        client = TwoStep(NalogConfig(url=site.url), Timing(sleep=slept.append))
        assert client.ask(request(), granted) == Reply(Verdict(Status.FOUND, "770000000082", "nalog"))
        client.close()
    assert slept == [1, 2]
    assert site.asked[0].line == "POST /inn-new-proc.json HTTP/1.1"
    assert site.asked[0].form == {
        "c": "find",
        "fam": "Выдуманный",
        "nam": "Пётр",
        "otch": "Ильич",
        "bdate": "03.02.1980",
        "doctype": "21",
        "docno": "01 02 000304",
        "docdt": "31.12.2001",
        "captcha": "",
        "captchaToken": "",
    }
    assert site.asked[1].form == {"c": "get", "requestId": "0A1B"}
