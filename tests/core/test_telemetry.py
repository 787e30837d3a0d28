from function.outcomes import Answered
from function.telemetry import LookupEvent, Observer, lookup_event
from tests.doubles import KNOWN, request


def test_the_observer_that_reports_nothing_hands_a_trace_on_as_it_came() -> None:
    with Observer().span("lookup", "00-trace") as traceparent:
        assert traceparent == "00-trace"


def test_the_report_of_a_lookup_holds_how_it_ended_and_nothing_of_the_person() -> None:
    report = lookup_event("rabbitmq", Answered(request(), KNOWN, cached=True), 0.5, attempt=2, traceparent="00-trace")
    assert report == LookupEvent("rabbitmq", "r-1", "found", True, "nalog", 0.5, 2, "00-trace")
