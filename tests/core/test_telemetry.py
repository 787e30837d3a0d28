from function.telemetry import Observer


def test_the_observer_that_reports_nothing_hands_a_trace_on_as_it_came() -> None:
    with Observer().span("lookup", "00-trace") as traceparent:
        assert traceparent == "00-trace"
