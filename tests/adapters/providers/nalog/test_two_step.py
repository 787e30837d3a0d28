"""The two-step client against replies written by hand: what it sends, and how it waits."""

import itertools

import pytest

from adapters.providers.nalog import NalogConfig
from adapters.providers.nalog.two_step import TwoStep
from function.outcomes import Reason, Status
from function.ports import Unavailable, Verdict
from function.rate_limit import Reply, Throttled
from tests.adapters.providers.nalog.clock import Clock
from tests.adapters.providers.nalog.people import request
from tests.adapters.providers.nalog.site import Script, Site, breaking, in_turn, reply, serving

TICKET = reply(200, '{"requestId":"0A1B","captchaRequired":false}')
SECOND_TICKET = reply(200, '{"requestId":"2C3D","captchaRequired":false}')
PENDING = reply(200, '{"state":-1.0}')
FOUND = reply(200, '{"state":1.0,"inn":"770000000082"}')
UNKNOWN_ID = reply(200, '{"ERROR":"Недопустимый идентификатор запроса"}')
VERDICT = Reply(Verdict(Status.FOUND, "770000000082", "nalog"))


class Turns:
    """Grants so many more turns, and remembers how long each might have taken. One not used may be `closed` meanwhile."""

    def __init__(self, granted: int, *, closed: bool = False) -> None:
        self.granted = granted
        self.closed = closed
        self.asked: list[float] = []

    def __call__(self, seconds: float, *, sent: bool = True) -> bool:
        if not sent:
            return not self.closed
        self.asked.append(seconds)
        return len(self.asked) <= self.granted


def ask(script: Script, clock: Clock, turns: Turns | None = None, **config: float) -> tuple[Reply | Unavailable, Site]:
    with serving(script) as site:
        client = TwoStep(NalogConfig(url=site.url, **config), clock.timing)  # type: ignore[arg-type]  # numbers only
        try:
            return client.ask(request(), turns or Turns(0)), site
        except Unavailable as no:
            return no, site
        finally:
            client.close()


def commands(site: Site) -> list[str]:
    return [asked.form["c"] + asked.form.get("requestId", "") for asked in site.asked]


def test_a_person_is_found_after_polls_that_come_at_once_then_after_1_2_and_3_seconds() -> None:
    clock = Clock()
    ended, site = ask(in_turn(TICKET, PENDING, PENDING, PENDING, FOUND), clock)
    assert ended == VERDICT
    assert clock.slept == [1, 2, 3]
    assert commands(site) == ["find", *["get0A1B"] * 4]


def test_polls_share_the_lookup_s_time_limit_and_pending_is_never_not_found() -> None:
    clock = Clock()
    ended, _ = ask(in_turn(TICKET, PENDING), clock, timeout=60)
    assert isinstance(ended, Unavailable)
    assert not isinstance(ended, Throttled)
    assert ended.reason is Reason.PROVIDER_UNAVAILABLE
    # The next wait, of 11 seconds, would end beyond the 60.
    assert clock.slept == list(range(1, 11))


def test_no_lookup_is_polled_for_more_than_180_seconds() -> None:
    clock = Clock()
    ask(in_turn(TICKET, PENDING), clock, timeout=3600)
    assert 160 < sum(clock.slept) <= 180


def test_a_request_id_that_is_not_known_yet_is_polled_again() -> None:
    clock = Clock()
    ended, site = ask(in_turn(TICKET, UNKNOWN_ID, UNKNOWN_ID, PENDING, UNKNOWN_ID, FOUND), clock)
    assert ended == VERDICT
    assert commands(site) == ["find", *["get0A1B"] * 5]


def test_a_request_id_that_stays_unknown_leads_to_one_new_find_in_a_turn_of_its_own() -> None:
    clock, turns = Clock(), Turns(1)
    ended, site = ask(in_turn(TICKET, *[UNKNOWN_ID] * 4, SECOND_TICKET, FOUND), clock, turns)
    assert ended == VERDICT
    assert commands(site) == ["find", *["get0A1B"] * 4, "find", "get2C3D"]
    assert len(turns.asked) == 1


def test_there_is_no_third_find() -> None:
    ended, site = ask(in_turn(TICKET, *[UNKNOWN_ID] * 4, SECOND_TICKET, UNKNOWN_ID), Clock(), Turns(9))
    assert isinstance(ended, Unavailable)
    assert ended.reason is Reason.PROVIDER_UNAVAILABLE
    assert commands(site).count("find") == 2


def test_there_is_no_new_find_without_a_turn() -> None:
    ended, site = ask(in_turn(TICKET, UNKNOWN_ID), Clock(), Turns(0))
    assert isinstance(ended, Unavailable)
    assert commands(site).count("find") == 1


def test_there_is_no_new_find_once_a_captcha_was_announced() -> None:
    announced = reply(200, '{"requestId":"0A1B","captchaRequired":true}')
    ended, site = ask(in_turn(announced, UNKNOWN_ID), Clock(), Turns(9))
    assert isinstance(ended, Throttled)
    assert commands(site).count("find") == 1


@pytest.mark.parametrize("broken", ["find", "get"])
def test_a_broken_connection_is_tried_anew_after_a_jittered_wait(broken: str) -> None:
    clock, turns = Clock(), Turns(9)
    script = breaking(in_turn(TICKET, FOUND), lambda asked: asked.form["c"] == broken, times=2)
    ended, _ = ask(script, clock, turns, retries=2, wait=4)
    assert ended == VERDICT
    assert clock.slept == [4, 4]
    # A find may have arrived before the connection broke: another one needs another turn. A get does not count.
    assert len(turns.asked) == (2 if broken == "find" else 0)


def test_tries_end_and_are_shared_by_all_requests_of_a_lookup() -> None:
    script = breaking(in_turn(TICKET, FOUND), lambda _asked: True, times=9)
    ended, site = ask(script, Clock(), Turns(9), retries=2)
    assert isinstance(ended, Unavailable)
    assert ended.reason is Reason.PROVIDER_UNAVAILABLE
    assert len(site.asked) == 3


def test_nothing_but_a_broken_connection_is_tried_anew() -> None:
    _, site = ask(in_turn(reply(500, "")), Clock(), Turns(9), retries=5)
    assert len(site.asked) == 1


def test_a_refused_connection_needs_no_turn_for_the_next_try() -> None:
    with serving(in_turn(TICKET)) as site:
        url = site.url
    clock, turns = Clock(), Turns(9)
    client = TwoStep(NalogConfig(url=url, retries=3, wait=1), clock.timing)
    with pytest.raises(Unavailable) as no:
        client.ask(request(), turns)
    assert no.value.reason is Reason.PROVIDER_UNAVAILABLE
    assert clock.slept == [1, 1, 1]
    assert turns.asked == []


def test_who_was_refused_a_connection_does_not_ask_where_the_door_was_closed_meanwhile() -> None:
    with serving(in_turn(TICKET)) as site:
        url = site.url
    clock = Clock()
    client = TwoStep(NalogConfig(url=url, retries=3, wait=1), clock.timing)
    with pytest.raises(Unavailable):
        client.ask(request(), Turns(9, closed=True))
    assert clock.slept == [1]


def test_a_wait_is_between_half_and_one_and_a_half_of_what_is_set() -> None:
    chances = itertools.cycle([0.0, 0.999])
    clock = Clock()
    with serving(in_turn(TICKET)) as site:
        url = site.url
    timing = clock.timing
    client = TwoStep(
        NalogConfig(url=url, retries=2, wait=2), type(timing)(timing.sleep, timing.monotonic, lambda: next(chances))
    )
    with pytest.raises(Unavailable):
        client.ask(request(), Turns(0))
    assert clock.slept == [1, pytest.approx(3, abs=0.01)]


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("", "/inn-new-proc.json"),
        ("/", "/inn-new-proc.json"),
        ("/inn-new-proc.json", "/inn-new-proc.json"),
        ("/inn-new-proc.do", "/inn-new-proc.do"),
        ("/inn-proc.do", "/inn-new-proc.json"),
        ("/inn.do", "/inn-new-proc.json"),
        ("/relay", "/relay/inn-new-proc.json"),
        ("/relay/inn-new-proc.do", "/relay/inn-new-proc.do"),
    ],
)
def test_an_address_may_name_the_site_or_one_of_its_pages(path: str, page: str) -> None:
    with serving(in_turn(TICKET, FOUND)) as site:
        client = TwoStep(NalogConfig(url=site.url + path), Clock().timing)
        assert client.ask(request(), Turns(0)) == VERDICT
        client.close()
    assert [asked.line for asked in site.asked] == [f"POST {page} HTTP/1.1"] * 2


def test_headers_are_those_of_a_browser_and_the_connection_is_kept() -> None:
    _, site = ask(in_turn(TICKET, FOUND), Clock())
    headers = site.asked[0].headers
    assert headers["accept"] == "application/json, text/javascript, */*; q=0.01"
    assert headers["x-requested-with"] == "XMLHttpRequest"
    assert headers["origin"] == "https://service.nalog.ru"
    assert headers["referer"] == "https://service.nalog.ru/inn.do"
    assert headers["user-agent"].startswith("Mozilla/5.0 ")
    assert headers["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert site.connections == 1


def test_no_person_is_in_a_repr() -> None:
    client = TwoStep(NalogConfig(url="http://127.0.0.1:9", proxy="http://user:secret@127.0.0.1:9"))
    assert "secret" not in repr(client._config)
    client.close()
