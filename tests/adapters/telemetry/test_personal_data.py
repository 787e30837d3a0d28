"""Whatever passes through: of personal data, keys and bodies nothing comes out, in no form."""

import asyncio
import gc
import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from math import inf, nan
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.telemetry import Telemetry, start
from adapters.telemetry.log_allow_list import FORMS
from function.telemetry import LookupEvent
from tests.collector import Collector

TRACEPARENT = f"00-{'5a' * 16}-{'6b' * 8}-01"
LIBRARIES = ("uvicorn.error", "uvicorn.access", "aio_pika", "aiormq.connection", "pymongo.command", "urllib3", "x")

Way = Callable[[Telemetry, str], None]


def _texts(value: str) -> list[BaseException]:
    """Exceptions that hold a value, each in its own manner."""
    noted = ValueError("x")
    noted.add_note(value)
    caused = ValueError("x")
    caused.__cause__ = KeyError(value)
    during = ValueError("x")
    during.__context__ = LookupError(value)
    syntax = SyntaxError("x", (value, 1, 1, value))
    codec = UnicodeDecodeError("utf-8", value.encode(), 0, 1, value)
    named = type(value, (Exception,), {})()
    group = ExceptionGroup(value, [OSError(1, value, value), ExceptionGroup(value, [KeyError(value)])])
    return [ValueError(value), noted, caused, during, syntax, codec, named, group]


def _raised(error: BaseException, value: str) -> BaseException:
    """The same with a traceback through code whose very names hold the value."""
    code = compile("def f(error):\n    raise error\nf(error)", value, "exec")
    with suppress(BaseException):
        exec(code, {"error": error})  # noqa: S102  # a frame of a file named like the value
    return error


def _as_id(value: str) -> str:
    """The value as a request's id. Six digits alone may be one: a row's number rather than a document's."""
    return value * 2 if value.isdigit() and len(value) < 10 else value


def exceptions(telemetry: Telemetry, value: str) -> None:
    for error in _texts(value):
        telemetry.error("consumer", _raised(error, value))
        telemetry.error(value, error)


def facts(telemetry: Telemetry, value: str) -> None:
    telemetry.event(value)
    telemetry.event("started", **{value: value, "lastName": value, "key": value, "body": value})
    for fact in (value, nan, inf):
        telemetry.event("started", **dict.fromkeys(FORMS, fact))


def pipeline(telemetry: Telemetry, value: str) -> None:
    """The logger itself, with facts under any name: somebody will use it so one day."""
    log = telemetry.log.event
    names = ("time", "level", "event", "service", "exception", "record", "lookup", "facts", "request_id", "withheld")
    log(logging.INFO, value, {value: value, "key": value, **dict.fromkeys(names, value)})
    log(logging.ERROR, f"said {value}", {"places": [value], "lookup": {value: value}, "error": value})
    for error in _texts(value):
        log(logging.ERROR, "said", {"exc_info": error, "whoever": _raised(error, value), value: error})


def reports(telemetry: Telemetry, value: str) -> None:
    telemetry.lookup(LookupEvent("http", _as_id(value), "found", True, "nalog", 0.1, traceparent=value))
    telemetry.lookup(LookupEvent(value, f"id {value}", value, False, value, 0.1, traceparent=TRACEPARENT))
    telemetry.in_flight(value, 1)
    telemetry.step(value, 0.1)
    telemetry.provider_called(value, value, 0.1)
    telemetry.provider_closed(value, value, 10)
    telemetry.message_moved(value, value)


def spans(telemetry: Telemetry, value: str) -> None:
    for error in _texts(value):
        with suppress(type(error)), telemetry.span("ask nalog", TRACEPARENT) as traceparent:
            telemetry.lookup(LookupEvent(value, _as_id(value), value, False, value, 0.1, traceparent=traceparent))
            raise error
    with telemetry.span(value, value):
        pass


def libraries(telemetry: Telemetry, value: str) -> None:
    for name in (*LIBRARIES, value):
        logger = logging.getLogger(name)
        logger.warning(f"GET /?fam={value}")  # noqa: G004  # as libraries do
        logger.warning("GET %s", value)
        logger.error("GET %(url)s", {"url": value}, extra={"person": value}, stack_info=True)
        logger.error({"person": value})
        for error in _texts(value):
            logger.error("failed: %s", error, exc_info=error)


def warned(telemetry: Telemetry, value: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(value, stacklevel=1)


def tasks(telemetry: Telemetry, value: str) -> None:
    async def fail() -> None:
        raise ValueError(value)

    async def main() -> None:
        task = asyncio.create_task(fail(), name=value)
        await asyncio.wait([task])
        asyncio.get_running_loop().call_exception_handler({"message": value, "person": value})

    asyncio.run(main())
    gc.collect()


def last_resorts(telemetry: Telemetry, value: str) -> None:
    class Heavy:
        def __del__(self) -> None:
            raise ValueError(value)

    def fail() -> None:
        raise ValueError(value)

    Heavy()
    thread = threading.Thread(target=fail, name=value)
    thread.start()
    thread.join()
    for error in _texts(value):
        sys.excepthook(type(error), error, error.__traceback__)


WAYS: tuple[Way, ...] = (exceptions, facts, pipeline, reports, spans, libraries, warned, tasks, last_resorts)


def _cyrillic(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("абвгдежзийклмнопрстуфхцчшщъыьэюяё", min_size=least, max_size=most).map(str.capitalize)


def _digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count).filter(lambda text: len(set(text)) > 2)


DAYS = st.dates(date(1910, 1, 1), date(2030, 12, 31))
SECRETS = st.tuples(
    _cyrillic(3, 12),
    st.lists(_cyrillic(3, 9), min_size=2, max_size=4).map(" ".join),
    DAYS.map(str),
    DAYS.map(lambda day: day.strftime("%d.%m.%Y")),
    _digits(6),
    _digits(10),
    _digits(12),
    st.tuples(_digits(4), _digits(6)).map(" ".join),
    st.builds("https://api-fns.ru/api/innfl?fam={}&key={}".format, _cyrillic(3, 9), _digits(12)),
    st.builds("amqp://inn:{}@rabbit:5672/".format, st.text("abcdefgh0123456789", min_size=16, max_size=16)),
    st.builds(lambda name: json.dumps({"lastName": name}, ensure_ascii=False), _cyrillic(3, 9)),
)


def _forms(value: str) -> set[str]:
    """The value, and how it looks when it is escaped, quoted or printed."""
    return {value, json.dumps(value)[1:-1], quote(value), quote(value, safe=""), repr(value)[1:-1], ascii(value)[1:-1]}


def _logged(value: str, *ways: Way) -> tuple[str, str]:
    """The log, whose lines are JSON, and the metrics without their numbers: a count of bytes can be anybody's document."""
    stream = io.StringIO()
    with start("inn", "DEBUG", stream) as telemetry:
        for way in ways:
            way(telemetry, value)
        exposition = telemetry.exposition().decode()
    for line in stream.getvalue().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    return stream.getvalue(), "\n".join(line.rpartition(" ")[0] for line in exposition.splitlines())


def _leaks(value: str, collector: Collector) -> list[str]:
    """The lines of the log, the metrics and the traces that show the value."""
    # A number is found where it stands as a whole number, and not in the midst of a greater one.
    bound = r"(?<!\d){}(?!\d)" if value.isdigit() else "{}"
    forms = re.compile("|".join(bound.format(re.escape(form)) for form in _forms(value)))
    log, labels = _logged(value, *WAYS)
    sent = b"".join(collector.bodies)
    collector.bodies.clear()
    shown = [line for line in f"{log}\n{labels}".splitlines() if forms.search(line)]
    return [*shown, "a span"] if value.encode() in sent else shown


@given(values=SECRETS)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_personal_comes_out(values: tuple[str, ...], collector: Collector) -> None:
    assert [line for value in values for line in _leaks(value, collector)] == []


@given(word=st.text(st.characters(codec="utf-8", exclude_characters="\0")))  # no name in code has a NUL
@settings(max_examples=10, deadline=None)
def test_whatever_is_reported_every_line_is_json_and_nothing_is_raised(word: str) -> None:
    _logged(word, exceptions, facts, pipeline, reports)


def test_every_way_says_something(collector: Collector) -> None:
    assert [way.__name__ for way in WAYS if not _logged("Иванов", way)[0]] == []
    assert collector.spans.keys() == {"ask nalog", "other"}
