"""What a whole process tells of itself while everything happens to it: nothing of any person, and one trace a request."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import urllib3

from tests.collector import Collector, collecting
from tests.system.local.conftest import LocalRuntime
from tests.system.personal import seen

TRACE = "7c" * 16
QUICK = {
    "CLIENT_NALOG_TIMEOUT_SEC": "2",
    "CLIENT_NALOG_RETRIES": "1",
    "CLIENT_NALOG_WAIT_SEC": "0.05",
    "CLIENT_NALOG_COOLDOWN_SEC": "0",
    "APP_LOOKUP_DEADLINE_SEC": "0.5",
}
PLACE = "деревня Малые Вязы"
BODIES = (
    b"",
    b"{",
    b"[]",
    '"Иванова"'.encode(),
    json.dumps({"lastName": "Иванова"}).encode(),
    "Иванова".encode("cp1251"),
)
CHANGES: tuple[dict[str, Any], ...] = (
    {"lastName": "Ivanova"},
    {"birthDate": "15.07.1990"},
    {"documentNumber": "12345"},
    {"documentSerial": ["4511"]},
    {"middleName": "Петровна1"},
)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def _ask(runtime: LocalRuntime, body: dict[str, Any] | bytes, **attributes: str) -> urllib3.BaseHTTPResponse:
    event = {"specversion": "1.0", "id": "1", "source": "/t", "type": "inn.lookup.requested", **attributes}
    headers = {"content-type": "application/json", **{f"ce-{name}": value for name, value in event.items()}}
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return urllib3.request("POST", runtime.url, body=content, headers=headers, retries=False, timeout=60)


def _ask_for_everybody(runtime: LocalRuntime) -> set[str]:
    """Ask for all named people, well and badly; returns every personal value that was sent or came back."""
    people = [each["request"] for each in runtime.tax_service.people()]
    wrong = [{**people[0], **change} for change in CHANGES]
    requests = [
        {"requestId": f"r-{number}", "birthPlace": PLACE, **request}
        for number, request in enumerate([*people, *people[:2], *wrong])
    ]
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(partial(_ask, runtime), [*requests, *BODIES]))
    sent = [value for each in requests for name, value in each.items() if name not in ("requestId", "documentType")]
    values = {*filter(lambda value: isinstance(value, str), sent), *(reply.json().get("inn", "") for reply in replies)}
    # Roman and short series are parts of other words; the rest of such a document is looked for.
    return {value for value in values if len(value) > 4 or re.search("[а-яё]", value)}


def test_nothing_that_was_asked_or_answered_is_told(
    start_local: Callable[..., LocalRuntime], collector: Collector
) -> None:
    runtime = start_local(LOG_LEVEL="DEBUG", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUICK)
    values = _ask_for_everybody(runtime)
    for scenario in ("down", "captcha", "throttled"):
        runtime.tax_service.control(scenario=scenario)
        values |= _ask_for_everybody(runtime)
    metrics = urllib3.request("GET", f"{runtime.url}/metrics").data.decode()
    assert runtime.end(signal.SIGTERM) == 0

    labels = "\n".join(line.rpartition(" ")[0] for line in metrics.splitlines())
    spans = b"\n".join(collector.bodies).decode(errors="replace")
    assert len(values) > 50
    assert seen(values, [runtime.errors, labels, spans]) == []


def test_one_trace_leads_from_the_client_to_the_tax_service(
    start_local: Callable[..., LocalRuntime], collector: Collector
) -> None:
    runtime = start_local(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    person = {"requestId": "r-1", **runtime.tax_service.people()[0]["request"]}
    _ask(runtime, person, traceparent=f"00-{TRACE}-{'6b' * 8}-01")
    assert runtime.end(signal.SIGTERM) == 0

    served, asked = collector.spans["serve lookup"], collector.spans["ask nalog"]
    assert {served.trace_id.hex(), asked.trace_id.hex()} == {TRACE}
    assert (served.parent_span_id.hex(), asked.parent_span_id) == ("6b" * 8, served.span_id)
    assert [json.loads(line)["trace_id"] for line in runtime.errors.splitlines() if '"lookup"' in line] == [TRACE]
