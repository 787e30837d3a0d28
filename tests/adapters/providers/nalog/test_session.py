"""Cookies, and the step that consents to the processing of personal data."""

import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapters.providers.nalog import NalogConfig, connect
from adapters.providers.nalog.conversation import Conversation, Timing
from adapters.providers.nalog.session import Session
from adapters.providers.nalog.site import exchange as site_exchange
from function.outcomes import Reason
from function.ports import Unavailable
from function.rate_limit import Throttled
from tests.adapters.providers.nalog.clock import Clock
from tests.adapters.providers.nalog.people import every_turn, no_turn, request
from tests.adapters.providers.nalog.site import Asked, Script, Site, reply, serving


class Tax:
    """The site with a session: says what was scripted for a path, else a quick "not found"."""

    def __init__(self, **scripted: bytes) -> None:
        self.replies = {
            "/inn.do": reply(200, "<html></html>", "Set-Cookie: JSESSIONID=ABC; Path=/; HttpOnly"),
            "/static/personal-data-proc.json": reply(200, '"t0ken"'),
            "find": reply(200, '{"requestId":"0A1B"}'),
            "get": reply(200, '{"state":0}'),
            "innMy": reply(200, '{"code":0}'),
        } | {
            name.replace("__", "/").replace("consent", "/static/personal-data-proc.json"): raw
            for name, raw in scripted.items()
        }

    def __call__(self, asked: Asked, client: socket.socket) -> None:
        client.sendall(self.replies[asked.form.get("c") or asked.line.split()[1]])


def asked_with(script: Script, *, consent: bool, protocol: str = "two-step", lookups: int = 1) -> Site:
    with serving(script) as site:
        client = connect(NalogConfig(url=site.url, consent=consent, protocol=protocol))  # type: ignore[arg-type]  # one of two
        try:
            for _ in range(lookups):
                client.ask(request(), no_turn)
        finally:
            client.close()
    return site


def paths(site: Site) -> list[str]:
    return [asked.form.get("c") or asked.line for asked in site.asked]


def test_without_consent_nobody_consents() -> None:
    assert paths(asked_with(Tax(), consent=False)) == ["find", "get"]


@pytest.mark.parametrize(("protocol", "steps"), [("two-step", ["find", "get"]), ("legacy", ["innMy"])])
def test_with_consent_a_session_begins_once_and_its_cookies_come_along(protocol: str, steps: list[str]) -> None:
    site = asked_with(Tax(), consent=True, protocol=protocol, lookups=2)
    assert paths(site) == ["GET /inn.do HTTP/1.1", "POST /static/personal-data-proc.json HTTP/1.1", *steps, *steps]
    assert site.asked[1].form == {"from": "/inn.do", "svc": "inn", "personalData": "1"}
    assert site.asked[1].headers["cookie"] == "JSESSIONID=ABC"
    for asked in site.asked[2:]:
        assert set(asked.headers["cookie"].split("; ")) == {"JSESSIONID=ABC", "upd_inn=t0ken"}


def test_a_consent_that_the_site_itself_keeps_as_a_cookie_is_not_set_twice() -> None:
    site = asked_with(Tax(consent=reply(200, '"t0ken"', "Set-Cookie: upd_inn=theirs; Path=/")), consent=True)
    assert "upd_inn=theirs" in site.asked[2].headers["cookie"]
    assert "t0ken" not in site.asked[2].headers["cookie"]


def test_cookies_are_kept_without_consent_too_and_those_that_are_taken_back_are_not_sent() -> None:
    tax = Tax(
        find=reply(200, '{"requestId":"0A1B"}', "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Path=/"),
        get=reply(200, '{"state":0}', "Set-Cookie: a=; Path=/; Max-Age=0"),
    )
    site = asked_with(tax, consent=False, lookups=2)
    assert "cookie" not in site.asked[0].headers
    assert site.asked[1].headers["cookie"] == "a=1; b=2"
    assert site.asked[2].headers["cookie"] == "b=2"


@pytest.mark.parametrize(
    ("step", "said", "closes", "reason"),
    [
        ("__inn.do", reply(405, "<html></html>"), True, Reason.PROVIDER_CLOSED),
        ("__inn.do", reply(429, ""), True, Reason.PROVIDER_CLOSED),
        ("__inn.do", reply(503, ""), False, Reason.PROVIDER_UNAVAILABLE),
        ("__inn.do", reply(302, "", "Location: https://elsewhere.invalid/"), False, Reason.PROVIDER_UNAVAILABLE),
        ("consent", reply(500, ""), False, Reason.PROVIDER_UNAVAILABLE),
        ("consent", reply(200, "<html></html>"), False, Reason.BAD_REPLY),
        ("consent", reply(200, '{"a":1}'), False, Reason.BAD_REPLY),
        ("consent", reply(200, '"a;b=c"'), False, Reason.BAD_REPLY),
        ("consent", reply(200, '"a\\r\\nb: c"'), False, Reason.BAD_REPLY),
        ("consent", reply(200, '"токен"'), False, Reason.BAD_REPLY),
    ],
    ids=["405", "429", "503", "redirect", "consent 500", "page", "object", "two cookies", "two headers", "no ASCII"],
)
def test_a_session_that_does_not_begin_ends_the_lookup(step: str, said: bytes, closes: bool, reason: Reason) -> None:  # noqa: FBT001  # a column
    with pytest.raises(Unavailable) as no:
        asked_with(Tax(**{step: said}), consent=True)
    assert (no.value.reason, isinstance(no.value, Throttled)) == (reason, closes)


def test_a_lookup_that_is_turned_away_makes_the_next_one_begin_a_new_session() -> None:
    tax = Tax()
    with serving(tax) as site:
        client = connect(NalogConfig(url=site.url, consent=True))
        client.ask(request(), no_turn)
        found = tax.replies["find"]
        tax.replies["find"] = reply(200, '{"captchaRequired":true}')
        with pytest.raises(Throttled):
            client.ask(request(), no_turn)
        tax.replies["find"] = found
        client.ask(request(), no_turn)
        client.close()
    openings = [asked for asked in site.asked if asked.line == "GET /inn.do HTTP/1.1"]
    assert len(openings) == 2
    assert all("cookie" not in asked.headers for asked in openings)


@pytest.mark.parametrize("protocol", ["two-step", "legacy"])
@pytest.mark.parametrize(
    "said",
    [
        reply(403, '{"ERROR":"Сессия не найдена","STATUS":403}'),
        reply(401, ""),
        reply(302, "", "Location: /inn.do"),
    ],
    ids=["403", "401", "redirect"],
)
def test_a_session_that_the_service_has_ended_is_begun_anew(said: bytes, protocol: Any) -> None:
    tax = Tax()
    with serving(tax) as site:
        client = connect(NalogConfig(url=site.url, consent=True, protocol=protocol))
        tax.replies |= {"find": said, "innMy": said}
        with pytest.raises(Unavailable):
            client.ask(request(), no_turn)
        tax.replies = Tax().replies
        client.ask(request(), no_turn)
        client.ask(request(), no_turn)
        client.close()
    assert paths(site).count("GET /inn.do HTTP/1.1") == 2


def test_who_was_turned_away_under_an_earlier_session_does_not_end_the_present_one() -> None:
    with serving(Tax()) as site:
        config = NalogConfig(url=site.url, consent=True)
        exchange = site_exchange(config)
        session = Session(exchange, consent=True)
        talk = Conversation(exchange, config, Clock().timing, no_turn)
        first = session.open(talk)
        session.forget(first)
        session.open(talk)
        session.forget(first)
        session.open(talk)
        exchange.close()
    assert paths(site).count("GET /inn.do HTTP/1.1") == 2


def test_lookups_that_begin_together_share_one_session() -> None:
    with serving(Tax()) as site:
        client = connect(NalogConfig(url=site.url, consent=True))
        threads = [threading.Thread(target=client.ask, args=(request(), every_turn)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
    assert paths(site).count("GET /inn.do HTTP/1.1") == 1
    assert paths(site).count("find") == 8


class Waiting:
    """What became of a lookup that had to wait while another one opened the session, and the turns it asked for."""

    def __init__(self, tax: Tax, *, granted: bool) -> None:
        opening, waits = threading.Event(), threading.Event()

        def script(asked: Asked, client: socket.socket) -> None:
            opening.set()
            waits.wait(30)
            tax(asked, client)

        looks = itertools.count()

        def monotonic() -> float:
            # A lookup looks at the time when it begins, and again where it has to wait.
            if next(looks):
                waits.set()
            return 0

        def again(_seconds: float, *, sent: bool = True) -> bool:
            self.turns += sent
            return granted

        self.turns = 0
        self.ended: object
        with serving(script) as site, ThreadPoolExecutor(1) as pool:
            config = NalogConfig(url=site.url, consent=True)
            exchange = site_exchange(config)
            session = Session(exchange, consent=True)
            first = pool.submit(session.open, Conversation(exchange, config, Clock().timing, no_turn))
            opening.wait(30)
            try:
                self.ended = session.open(Conversation(exchange, config, Timing(monotonic=monotonic), again))
            except Unavailable as no:
                self.ended = no
            self.first = first.exception() or first.result()
            exchange.close()
        self.openings = paths(site).count("GET /inn.do HTTP/1.1")


def test_who_waited_for_a_session_takes_another_turn_for_its_own_has_gone_by() -> None:
    waiting = Waiting(Tax(), granted=True)
    assert waiting.ended is waiting.first
    assert (waiting.turns, waiting.openings) == (1, 1)


def test_who_waited_for_a_session_and_gets_no_other_turn_does_not_ask() -> None:
    waiting = Waiting(Tax(), granted=False)
    assert isinstance(waiting.ended, Unavailable)
    assert (waiting.turns, waiting.openings) == (1, 1)


@pytest.mark.parametrize(
    ("said", "seconds"), [(reply(429, "", "Retry-After: 60"), 60), (reply(503, ""), None)], ids=["429", "503"]
)
def test_who_waited_for_a_session_that_did_not_begin_fails_with_it(said: bytes, seconds: float | None) -> None:
    waiting = Waiting(Tax(**{"__inn.do": said}), granted=True)
    assert isinstance(waiting.first, Unavailable)
    assert type(waiting.ended) is type(waiting.first)
    assert waiting.ended is not waiting.first
    assert isinstance(waiting.ended, Throttled) == (seconds is not None)
    assert waiting.ended.retry_after == (seconds or 0)
    assert (waiting.turns, waiting.openings) == (0, 1)


def test_who_waits_for_a_session_waits_no_longer_than_its_lookup_may_take() -> None:
    opening, leave = threading.Event(), threading.Event()
    tax = Tax()

    def slow(asked: Asked, client: socket.socket) -> None:
        opening.set()
        leave.wait(30)
        tax(asked, client)

    clock = Clock()
    with serving(slow) as site:
        client = connect(NalogConfig(url=site.url, consent=True))
        first = threading.Thread(target=client.ask, args=(request(), no_turn))
        first.start()
        opening.wait(30)
        # The second one's clock says that its time is almost up.
        times = iter([0.0, 59.99])
        client._timing = Timing(clock.sleep, lambda: next(times, 60.0))
        with pytest.raises(Unavailable):
            client.ask(request(), no_turn)
        leave.set()
        first.join()
        client.close()
