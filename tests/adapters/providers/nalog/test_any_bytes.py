"""Whatever bytes come: an outcome or a named failure, never an INN that fails its checksum, never "not found" from garbage."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers import apifns
from adapters.providers.http_client import SiteReply
from adapters.providers.nalog.replies import legacy_reply, parse_find_reply, parse_get_reply
from function import inn
from function.outcomes import Status
from function.ports import Invalid, ProviderReply, Unavailable, Verdict
from function.rate_limit import MAX_COOLDOWN_SEC
from tests.adapters.providers.nalog.test_rows import ANSWERED

READERS = (parse_find_reply, parse_get_reply, legacy_reply, apifns.read)
RUNS = 3_000
SEEDS = [
    '{"requestId":"0A1B","captchaRequired":true}',
    '{"captchaRequired":false,"code":0,"inn":"770000000082"}',
    '<html><div id="result">{"code":3}</div></html>',
    '{"ERROR":"-","ERRORS":{"fam":["x"],"captcha":["x"]},"STATUS":400}',
    '{"items":[{"ИНН":"770000000082"}]}',
    '{"items":[],"error":"Информация об ИНН не найдена"}',
]
KEYS = ["requestId", "captchaRequired", "state", "inn", "code", "ERROR", "ERRORS", "STATUS", "items", "ИНН", "error"]
numbers = st.sampled_from([-2, -1, 0, 1, 2, 3, 4, 99, 400, -1.0, 0.0, -0.0, 1.0, 3.0, 0.5, 770000000082, float("nan")])
scalars = st.one_of(
    st.none(), st.booleans(), numbers, st.text(max_size=8), st.sampled_from(["770000000082", "770000000083", "0", "1"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "fam", "captcha"]), inner, max_size=3)
    ),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=5).map(lambda said: json.dumps(said).encode())
wrapped = st.tuples(
    st.sampled_from([b"", b"<html>", b"x", b"\xff", b"{"]), objects, st.sampled_from([b"", b"</html>", b"}"])
).map(b"".join)
bodies = st.one_of(st.binary(max_size=64), objects, wrapped)
pages = st.builds(
    SiteReply,
    st.sampled_from([200, 204, 302, 400, 403, 404, 405, 429, 500, 503]),
    bodies,
    st.sampled_from([{}, {"retry-after": "9"}, {"content-type": "text/html; charset=windows-1251"}]),
)


def said_by(read: Callable[[SiteReply], object], page: SiteReply) -> object:
    """What this reader takes the page for; None: for a failure that has a name."""
    try:
        said = read(page)
    except Unavailable:
        return None
    verdict = said.answer if isinstance(said, ProviderReply) else said
    if isinstance(verdict, Verdict):
        assert inn.is_valid(verdict.inn) == (verdict.status is Status.FOUND)
    if isinstance(verdict, Invalid):
        assert verdict.errors
    return verdict


@given(pages)
def test_a_find_gives_a_ticket_or_a_named_failure_and_the_paid_provider_what_was_said(page: SiteReply) -> None:
    assert isinstance(said_by(parse_find_reply, page), tuple | Invalid | None)
    verdict = said_by(apifns.read, page)
    assert isinstance(verdict, Verdict | None)
    assert verdict is None or verdict.status is not Status.NOT_FOUND


@given(pages, st.sampled_from([(parse_get_reply, "state"), (legacy_reply, "code")]))
def test_an_answer_is_what_was_said_or_a_named_failure(
    page: SiteReply, step: tuple[Callable[[SiteReply], object], str]
) -> None:
    read, key = step
    verdict = said_by(read, page)
    assert isinstance(verdict, Verdict | Invalid | None)
    if isinstance(verdict, Verdict) and verdict.status is Status.NOT_FOUND:
        assert re.search(rf'"{key}": "?-?0(\.0)?"?[,}}]', page.body.decode(errors="replace"))


@given(st.text(max_size=40) | st.integers().map(str))
def test_any_retry_after_is_seconds_within_an_hour(value: str) -> None:
    assert 0 <= SiteReply(503, b"", {"retry-after": value}).retry_after <= MAX_COOLDOWN_SEC


@pytest.mark.parametrize("year", ["9999", "0001"])
def test_a_retry_after_beyond_the_calendar_is_seconds_too(year: str) -> None:
    reply = SiteReply(503, b"", {"retry-after": f"Wed, 01 Jul {year} 10:00:00 +2359"})
    assert 0 <= reply.retry_after <= MAX_COOLDOWN_SEC


@pytest.mark.parametrize(
    "body",
    [b'{"state":' + b"1" * 5000 + b"}", b"[" * 200_000, b'{"state":' + b"[" * 200_000],
    ids=["digits", "deep", "deeper"],
)
def test_numbers_and_nesting_beyond_python_s_limits_are_a_bad_reply(body: bytes) -> None:
    assert [said_by(read, SiteReply(200, body)) for read in READERS[1:]] == [None] * 3


def test_a_fuzzer_finds_nothing(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, body in enumerate([*(body for body, _ in ANSWERED.values()), *SEEDS]):
        (corpus / str(number)).write_bytes(b"\x00" + body.encode())
    limits = [f"-runs={RUNS}", "-seed=1", "-max_len=512", "-timeout=20", f"-artifact_prefix={tmp_path}/"]
    command = [sys.executable, "-m", "tests.adapters.providers.nalog.fuzz_replies", str(corpus), *limits]
    fuzzed = subprocess.run(command, cwd=Path(__file__).parents[4], capture_output=True, text=True, check=False)
    assert fuzzed.returncode == 0, fuzzed.stderr[-3000:]
    assert f"Done {RUNS} runs" in fuzzed.stderr
