"""Cookies, the session, and the step that consents to the processing of personal data."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.providers.nalog.provider import Nalog
from function.ports import Pending, ProviderReply
from tests.adapters.providers.nalog.clients import BAD, CLOSED, LATER, THROTTLED, No, ending, looked_up, nalog, request
from tests.adapters.providers.nalog.site import Asked, Script, Site, reply, serving
from tests.adapters.providers.nalog.test_rows import HTML_TYPE, MAINTENANCE
from tests.doubles import TICKET, RecordingObserver

FORM = '<html><form name="frmInn"></form></html>'
CONSENT_PAGE = "/static/personal-data.html?svc=inn&from=%2Finn.do"
CONSENT = "/static/personal-data-proc.json"
REFUSED = reply(403, '{"ERROR":"Нет согласия","STATUS":403}')


OPENED = "Set-Cookie: JSESSIONID=ABC; Path=/; HttpOnly"
TO_CONSENT = f"Location: {CONSENT_PAGE}"


class Tax:
    """The site with a session: it answers as scripted for a path or step, else with a quick "not found".

    A strict one redirects to its consent page, and refuses searches with this reply, until consent was given.
    """

    def __init__(self, strict: bytes = b"", **scripted: bytes) -> None:
        names = {"form": "/inn.do", "consent": CONSENT}
        self.strict = strict
        self.replies = {
            "/inn.do": reply(200, FORM, OPENED),
            CONSENT_PAGE: reply(200, "<html></html>"),
            CONSENT: reply(200, '"t0ken"'),
            "find": reply(200, '{"requestId":"0A1B"}'),
            "get": reply(200, '{"state":0}'),
            "innMy": reply(200, '{"code":0}'),
        } | {names.get(name, name): raw for name, raw in scripted.items()}

    def __call__(self, asked: Asked, client: socket.socket) -> None:
        step = asked.form.get("c") or asked.line.split()[1]
        said = self.replies[step]
        if self.strict and "upd_inn=t0ken" not in asked.headers.get("cookie", ""):
            if step == "/inn.do":
                said = reply(302, "", TO_CONSENT, OPENED)
            elif asked.form.get("c"):
                said = self.strict
        if step == CONSENT and not asked.headers["referer"].endswith(CONSENT_PAGE):
            said = REFUSED
        client.sendall(said)


@contextmanager
def opened(script: Script, lookups: int = 1, **settings: Any) -> Iterator[tuple[Site, Nalog]]:
    """A site, and a client whose session with it is open: it has looked somebody up."""
    with serving(script) as site:
        client = nalog(site.url, **{"consent": True, **settings})
        for _ in range(lookups):
            looked_up(client, request())
        yield site, client


def asked_with(script: Script, lookups: int = 1, **settings: Any) -> Site:
    with opened(script, lookups, **settings) as (site, _):
        return site


def paths(site: Site) -> list[str]:
    return [asked.form.get("c") or asked.line.removesuffix(" HTTP/1.1") for asked in site.asked]


def found(client: Nalog) -> ProviderReply | No:
    """How a find ends."""
    return ending(client.ask, request(), None)


def test_a_site_that_does_not_redirect_gets_its_consent_too_unless_the_operator_gives_none() -> None:
    assert paths(asked_with(Tax())) == ["GET /inn.do", f"POST {CONSENT}", "find", "get"]
    assert paths(asked_with(Tax(), consent=False)) == ["find", "get"]
    site = asked_with(Tax(consent=reply(200, '"t0ken"', "Set-Cookie: upd_inn=theirs; Path=/")))
    assert "upd_inn=theirs" in site.asked[2].headers["cookie"], "the site's own cookie"
    assert "t0ken" not in site.asked[2].headers["cookie"]
    already = Tax(form=reply(200, FORM, "Set-Cookie: upd_inn=theirs; Path=/"))
    assert paths(asked_with(already)) == ["GET /inn.do", "find", "get"]


@pytest.mark.parametrize(("protocol", "steps"), [("two-step", ["find", "get"]), ("legacy", ["innMy"])])
def test_1_session_and_consent_in_the_page_s_own_order_once_for_all_lookups(protocol: str, steps: list[str]) -> None:
    site = asked_with(Tax(REFUSED), 2, protocol=protocol)
    assert paths(site) == ["GET /inn.do", f"GET {CONSENT_PAGE}", f"POST {CONSENT}", "GET /inn.do", *steps, *steps]
    assert site.asked[2].form == {"from": "/inn.do", "svc": "inn", "personalData": "1"}
    assert site.asked[2].headers["referer"] == f"{site.url}{CONSENT_PAGE}"
    assert site.asked[2].headers["cookie"] == "JSESSIONID=ABC"
    for asked in site.asked[3:]:
        assert set(asked.headers["cookie"].split("; ")) == {"JSESSIONID=ABC", "upd_inn=t0ken"}


def test_cookies_are_kept_without_consent_too_and_those_that_are_taken_back_are_not_sent() -> None:
    tax = Tax(
        find=reply(200, '{"requestId":"0A1B"}', "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Path=/"),
        get=reply(200, '{"state":0}', "Set-Cookie: a=; Path=/; Max-Age=0"),
    )
    site = asked_with(tax, 2, consent=False)
    assert "cookie" not in site.asked[0].headers
    assert site.asked[1].headers["cookie"] == "a=1; b=2"
    assert site.asked[2].headers["cookie"] == "b=2"


NO_SESSION = {
    "405": ("form", reply(405, "<html></html>"), THROTTLED),
    "1: maintenance": ("form", reply(200, MAINTENANCE, HTML_TYPE), THROTTLED),
    "503": ("form", reply(503, ""), LATER),
    "a redirect": ("form", reply(302, "", "Location: https://elsewhere.invalid/"), LATER),
    "a redirect although it has consent": ("form", reply(302, "", TO_CONSENT), LATER),
    "consent: 500": ("consent", reply(500, ""), LATER),
    "consent: a page": ("consent", reply(200, "<html></html>"), BAD),
    "consent: two cookies": ("consent", reply(200, '"a;b=c"'), BAD),
    "consent: two headers": ("consent", reply(200, '"a\\r\\nb: c"'), BAD),
}


@pytest.mark.parametrize("kind", NO_SESSION)
def test_a_session_that_does_not_begin_ends_the_find_and_keeps_a_ticket(kind: str) -> None:
    step, said, no = NO_SESSION[kind]
    with serving(Tax(**{step: said})) as site:
        client = nalog(site.url, consent=True)
        assert found(client) == no
        polled = client.ask(request(), TICKET)
    assert isinstance(polled.answer, Pending)
    assert polled.failure is no.reason
    assert not {"find", "get"} & set(paths(site))


def test_a_find_that_is_throttled_makes_the_next_one_begin_a_new_session() -> None:
    tax = Tax()
    with opened(tax) as (site, client):
        tax.replies["find"] = reply(200, '{"captchaRequired":true}')
        assert found(client) == THROTTLED
        tax.replies = Tax().replies
        looked_up(client, request())
    openings = [asked.headers for asked in site.asked if asked.line.startswith("GET /inn.do")]
    assert ["cookie" in headers for headers in openings] == [False, False]


ENDED = {
    "403": REFUSED,
    "403 with a page": reply(403, "<html>Forbidden</html>"),
    "401": reply(401, ""),
    "a redirect": reply(302, "", "Location: /inn.do"),
    "a redirect with a page": reply(302, "<html>Found</html>", f"Location: {CONSENT_PAGE}"),
}


@pytest.mark.parametrize("kind", ENDED)
def test_a_refusal_in_a_new_session_is_a_failure_and_later_the_end_of_the_session_which_is_opened_anew(
    kind: str,
) -> None:
    tax = Tax(find=ENDED[kind])
    with serving(tax) as site:
        client = nalog(site.url, consent=True)
        for _ in range(2):
            assert found(client) in (LATER, BAD, THROTTLED)
        tax.replies = Tax().replies
        looked_up(client, request())
        tax.replies["find"] = ENDED[kind]
        assert found(client) == CLOSED  # not asked yet, it says, and is soon tried again
        tax.replies = Tax(get=ENDED[kind]).replies
        pending = found(client)
        assert isinstance(pending, ProviderReply)
        assert isinstance(pending.answer, Pending)
        assert isinstance(client.ask(request(), pending.answer.ticket).answer, Pending), "the ticket is kept"
        tax.replies = Tax().replies
        looked_up(client, request())
    assert paths(site).count("GET /inn.do") == 5


def test_who_comes_while_the_session_is_opened_comes_back_soon_and_waits_in_no_thread() -> None:
    opening, leave = threading.Event(), threading.Event()
    tax = Tax()

    def slow(asked: Asked, client: socket.socket) -> None:
        opening.set()
        leave.wait(30)
        tax(asked, client)

    with serving(slow) as site, ThreadPoolExecutor(1) as pool:
        client = nalog(site.url, consent=True)
        first = pool.submit(looked_up, client, request())
        opening.wait(30)
        assert found(client) == CLOSED
        leave.set()
        first.result(30)
        looked_up(client, request())
    assert paths(site).count("GET /inn.do") == 1


@pytest.mark.parametrize("kind", ENDED)
def test_1_without_consent_a_refusal_names_the_setting_once(kind: str) -> None:
    observer, tax, ends = RecordingObserver(), Tax(), []
    with serving(tax) as site:
        client = nalog(site.url, observer=observer)
        for strict in (ENDED[kind], b"", ENDED[kind]):
            tax.strict = strict
            ends.append(found(client))
    assert ends[0] == ends[2] != CLOSED, "also after an answer"
    assert observer.of("event") == [("consent_needed", {"variable": "CLIENT_NALOG_CONSENT"})]
    assert set(paths(site)) == {"find"}
