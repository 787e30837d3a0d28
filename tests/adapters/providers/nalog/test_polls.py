"""The tickets of the two-step protocol: what one call sends, how long the next one waits, when a ticket is dropped."""

from datetime import timedelta

import pytest

from adapters.config.settings import NalogSettings
from adapters.providers.nalog.provider import Nalog
from function.outcomes import Reason, Status
from function.ports import Pending, ProviderReply, Verdict
from function.telemetry import Observer
from tests.adapters.providers.nalog.clients import LATER, No, ending, looked_up, nalog, request
from tests.adapters.providers.nalog.site import Script, Site, in_turn, reply, serving
from tests.doubles import TICKET, FixedClock

FIND = reply(200, '{"requestId":"0A1B2C","captchaRequired":false}')
PENDING = reply(200, '{"state":-1.0}')
FOUND = reply(200, '{"state":1.0,"inn":"770000000082"}')
UNKNOWN_ID = reply(400, '{"ERROR":"Недопустимый идентификатор запроса","STATUS":400}')
VERDICT = ProviderReply(Verdict(Status.FOUND, "770000000082", "nalog"))


def commands(site: Site) -> list[str]:
    return [asked.form["c"] + asked.form.get("requestId", "") for asked in site.asked]


def polled(*replies: bytes) -> Script:
    return in_turn(FIND, *replies)


STATE_2 = reply(200, '{"state":2}')
AWAY = Reason.PROVIDER_UNAVAILABLE
# What the site says; how it ends, the polls, and how each call but the last one failed.
LOOKUPS: dict[str, tuple[Script, ProviderReply | No, int, list[Reason | None]]] = {
    "found": (polled(PENDING, PENDING, PENDING, FOUND), VERDICT, 4, [None] * 4),
    "pending for 180 seconds: never not found": (polled(PENDING), LATER, 18, [None] * 18),
    "the connection of a poll breaks: made again": (polled(b"", b"", FOUND), VERDICT, 3, [None, AWAY, AWAY]),
    "the ticket is not known yet":
        (polled(UNKNOWN_ID, UNKNOWN_ID, PENDING, UNKNOWN_ID, FOUND), VERDICT, 5, [None, AWAY, AWAY, None, AWAY]),
    "the ticket is forgotten: dropped after 3 more polls": (polled(UNKNOWN_ID), LATER, 4, [None, AWAY, AWAY, AWAY]),
    "a state that is no answer: dropped": (polled(STATE_2), LATER, 1, [None]),
    "a find whose connection breaks is not sent again": (in_turn(b""), LATER, 0, []),
}  # fmt: skip


@pytest.mark.parametrize("row", LOOKUPS)
def test_each_call_is_one_request_and_the_polls_come_after_1_2_3_and_more_seconds_with_one_ticket(row: str) -> None:
    script, ended, polls, failures = LOOKUPS[row]
    clock, ticket = FixedClock(), None
    failed, waits = [], []
    with serving(script) as site:
        client = nalog(site.url, clock, retries=5)
        while isinstance(end := ending(client.ask, request(), ticket), ProviderReply) and isinstance(
            end.answer, Pending
        ):
            ticket, wait = end.answer
            waits.append(wait)
            failed.append(end.failure)
            clock.time += timedelta(seconds=wait)
    assert end == ended
    assert commands(site) == ["find", *["get0A1B2C"] * polls]
    assert site.connections == 1 + polls
    assert waits == list(range(1, polls + 1))
    assert sum(waits) < 180
    assert failed == failures


def test_no_wait_is_above_60_seconds_and_their_unit_can_be_0() -> None:
    ticket = TICKET._replace(polls=100)
    with serving(in_turn(PENDING, FIND, PENDING)) as site:
        assert nalog(site.url).ask(request(), ticket).answer == Pending(ticket._replace(polls=101), 60)
        client = Nalog(NalogSettings(url=site.url), FixedClock(), Observer(), poll_wait=0)
        assert client.ask(request(), None).answer == Pending(TICKET, 0)
        assert client.ask(request(), TICKET).answer == Pending(TICKET._replace(polls=1), 0)


@pytest.mark.parametrize("last", [PENDING, reply(502, ""), UNKNOWN_ID], ids=["pending", "502", "unknown"])
def test_a_ticket_that_expires_before_its_next_poll_has_its_last_poll_and_is_dropped(last: bytes) -> None:
    ticket = TICKET._replace(polls=3, expires_at=FixedClock().time + timedelta(seconds=5))
    with serving(in_turn(last)) as site:
        assert ending(nalog(site.url).ask, request(), ticket) == LATER
    assert commands(site) == ["get0A1B2C"]


@pytest.mark.parametrize(
    ("path", "page"),
    [
        *((path, "/inn-new-proc.json") for path in ("", "/", "/inn-new-proc.json", "/inn-proc.do", "/inn.do")),
        ("/relay/inn-new-proc.do", "/relay/inn-new-proc.do"),
    ],
)
def test_an_address_may_name_the_site_or_one_of_its_pages(path: str, page: str) -> None:
    with serving(in_turn(FIND, FOUND)) as site:
        assert looked_up(nalog(site.url + path), request()) == VERDICT
    assert [asked.line for asked in site.asked] == [f"POST {page} HTTP/1.1"] * 2


def test_headers_are_those_of_a_browser() -> None:
    with serving(in_turn(FIND)) as site:
        nalog(site.url).ask(request(), None)
    headers = {
        "accept": "application/json, text/javascript, */*; q=0.01",
        "x-requested-with": "XMLHttpRequest",
        "origin": "https://service.nalog.ru",
        "referer": "https://service.nalog.ru/inn.do",
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
    }
    assert site.asked[0].headers.items() >= headers.items()
    assert site.asked[0].headers["user-agent"].startswith("Mozilla/5.0 ")
