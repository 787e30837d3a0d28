"""What does come out: one line a request, an error by type and place, a library by its name and place."""

import io
import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.telemetry import Telemetry, start
from adapters.telemetry.log_allow_list import MAX_CAUSES, describe
from function.outcomes import Reason, Status
from function.rate_limit import DenialReason
from function.telemetry import LookupEvent
from tests.servers.process import wait_for
from tests.system.process import ROOT

THIS_FILE = "tests/adapters/telemetry/test_log.py"
TRACE_ID = "5a" * 16
FOUND = LookupEvent("rabbitmq", "r-1", Status.FOUND, False, "nalog", 1.23456, 2, f"00-{TRACE_ID}-{'6b' * 8}-01")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@contextmanager
def _logging(level: str = "INFO") -> Iterator[tuple[Telemetry, io.StringIO]]:
    stream = io.StringIO()
    with start("inn", level, stream) as telemetry:
        yield telemetry, stream


def test_a_request_is_one_line_of_json_with_the_time_in_utc() -> None:
    before = datetime.now(UTC)
    with _logging() as (telemetry, stream):
        telemetry.lookup(FOUND)
    (line,) = _lines(stream)
    assert line["time"].endswith("Z")
    assert before <= datetime.fromisoformat(line.pop("time")) <= datetime.now(UTC)
    lookup = {"entry": "rabbitmq", "status": "found", "cached": False, "provider": "nalog", "request_id": "r-1"}
    head = {"level": "info", "event": "lookup", "service": "inn"}
    assert line == {**head, **lookup, "ms": 1234.56, "attempt": 2, "trace_id": TRACE_ID}


def test_on_a_terminal_the_line_is_coloured_and_says_the_same() -> None:
    stream = Terminal()
    with start("inn", "INFO", stream) as telemetry:
        telemetry.lookup(FOUND)
    line = stream.getvalue()
    assert (line.count("\n"), line.count("\x1b[32minfo\x1b[0m")) == (1, 1)
    facts = ("lookup", "rabbitmq", "found", "nalog", "r-1", "1234.56", TRACE_ID)
    assert [fact for fact in facts if fact not in line] == []


@pytest.mark.parametrize(
    ("level", "events"),
    [("DEBUG", ["lookup", "started", "library", "error"]), ("INFO", ["lookup", "started", "error"])]
    + [(level, ["error"]) for level in ("WARNING", "ERROR")],
)
def test_the_level_says_what_is_told(level: str, events: list[str]) -> None:
    with _logging(level) as (telemetry, stream):
        telemetry.lookup(FOUND)
        telemetry.event("started")
        logging.getLogger("pymongo").info("connected")
        telemetry.error("consumer", ValueError())
    assert [line["event"] for line in _lines(stream)] == events


SHOWN = [
    # UUIDs, though the end has twelve digits
    "550e8400-e29b-41d4-a716-446655440000", "cli-8d1b3c5e-7a9f-4c2d-9e41-770000000082",
    # none, a short one, one with every sign that an id may have, nine digits, milliseconds since the epoch
    "", "r-1", "batch:2026/row+17=~.", "000123456", "1712345678901",
    # two numbers with a letter between
    "4511/x/123456",
    # no dates: a day 32, a month 13, a year long ago, a day of one digit
    "u-32071990", "u-15131990", "u-15071890", "v1.12.1999",
]  # fmt: skip
WITHHELD = [
    # a digit longer than a UUID, ten digits beside one
    "0550e8400-e29b-41d4-a716-446655440000", "4509123456/550e8400-e29b-41d4-a716-446655440000",
    # as long as a passport, an INN, a SNILS
    "4509123456", "r-770000000082-1", "112-233-445-95",
    # a passport's two numbers with signs between, with a UUID or milliseconds before them, within more digits
    "4511/123456", "passport=45:11_~123456", "ivanov/550e8400-e29b-41d4-a716-446655440000/4511--123456",
    "1712345678901/4511+123456", "2026.45111234560001",
    # milliseconds with digits before or behind them, or of other years than ours
    "45111712345678901", "17123456789011", "1512345678901",
    # dates, with any signs or none, the year or the day first
    "r-1985-03-12", "15-07-1990", "15/07~1990-1", "1990.07.15", "ivanov_19900715", "ivanov15071990", "u-31121999",
    # a name, a space, a quote, a line's end
    "Иванов-1", "r 1", 'r"1', "r\n1",
]  # fmt: skip


def test_a_request_id_is_shown_unless_it_could_tell_who() -> None:
    with _logging() as (telemetry, stream):
        for request_id in (*SHOWN, *WITHHELD):
            telemetry.lookup(LookupEvent("http", request_id, Reason.BAD_REPLY, False, "", 0))
    shown = {sent: line["request_id"] for sent, line in zip((*SHOWN, *WITHHELD), _lines(stream), strict=True)}
    assert shown == {**dict(zip(SHOWN, SHOWN, strict=True)), **dict.fromkeys(WITHHELD, "withheld")}


def test_of_an_event_the_harmless_facts_stay_and_the_others_are_counted() -> None:
    with _logging() as (telemetry, stream):
        telemetry.event("started", host="127.0.0.1", seconds=1.5, lastName="Иванов", count=1e12)
    (line,) = _lines(stream)
    assert line["event"] == "started"
    assert (line["host"], line["seconds"], line["withheld"]) == ("127.0.0.1", 1.5, 2)
    assert "lastName" not in line


def test_what_somebody_has_to_look_at_has_a_line() -> None:
    with _logging() as (telemetry, stream):
        telemetry.message_moved("retry", Reason.PROVIDER_UNAVAILABLE)
        telemetry.message_moved("dead", "rejected")
        telemetry.provider_closed("nalog", DenialReason.COOLING_DOWN, 20.0)
        telemetry.provider_closed("nalog", DenialReason.COOLING_DOWN, 0)
        telemetry.held(Reason.STORE_UNAVAILABLE, 64)
        telemetry.event("store_unavailable", queue="inn.lookup")
        telemetry.event("store_available", queue="inn.lookup", seconds=12.5)
    facts = ("level", "event", "queue", "provider", "reason", "seconds")
    assert [[line[fact] for fact in facts if fact in line] for line in _lines(stream)] == [
        ["warning", "message_moved", "dead", "rejected"],
        ["warning", "provider_closed", "nalog", "cooling_down", 20.0],
        ["warning", "provider_open", "nalog", "cooling_down", 0],
        ["warning", "store_unavailable", "inn.lookup"],
        ["warning", "store_available", "inn.lookup", 12.5],
    ]


def _fails() -> None:
    try:
        int("Иванов")
    except ValueError as exc:
        raise KeyError("Иванов") from exc


def test_of_an_error_ours_or_a_librarys_the_type_the_places_and_the_causes_are_logged() -> None:
    with _logging() as (telemetry, stream):
        try:
            _fails()
        except KeyError as exc:
            telemetry.error("consumer", exc)
            logging.getLogger("asyncio").exception("Task exception was never retrieved\nfuture: <Task 'Иванов'>")
    ours, librarys = _lines(stream)
    first = _fails.__code__.co_firstlineno
    assert (ours["where"], librarys["logger"]) == ("consumer", "asyncio")
    for line in (ours, librarys):
        assert (line["error"], line["level"]) == ("KeyError", "error")
        assert line["places"][-1] == f"{THIS_FILE}:{first + 4} _fails"
        assert [cause["error"] for cause in line["causes"]] == ["ValueError"]
        assert line["causes"][0]["places"] == [f"{THIS_FILE}:{first + 2} _fails"]


def test_causes_and_the_members_of_a_group_are_described_within_bounds_also_in_a_circle() -> None:
    group = ExceptionGroup("", [OSError(), *(ValueError() for _ in range(MAX_CAUSES))])
    group.exceptions[0].__cause__ = group
    described, depth = describe(group), 0
    assert [cause["error"] for cause in described["causes"]] == ["OSError", *["ValueError"] * (MAX_CAUSES - 1)]
    while described["causes"]:
        described, depth = described["causes"][0], depth + 1
    assert depth == MAX_CAUSES


def test_a_place_of_the_service_is_named_alike_where_a_host_adds_its_folder_to_the_path() -> None:
    # As functions-framework does with the folder of its --source.
    code = f"""
import sys
sys.path.append("{ROOT / "adapters"}")
from adapters.telemetry.log_allow_list import place
print(place("{ROOT / "adapters/http/endpoint.py"}", 7, "serve"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "adapters/http/endpoint.py:7 serve\n"


def test_recursion_without_end_is_told_by_its_innermost_places() -> None:
    def deep() -> None:
        deep()

    with _logging() as (telemetry, stream):
        try:
            deep()
        except RecursionError as exc:
            telemetry.error("consumer", exc)
    assert len(_lines(stream)[0]["places"]) == 20


def test_of_a_library_the_logger_and_the_place_are_logged_and_no_text() -> None:
    with _logging() as (_, stream):
        logging.getLogger("aio_pika.connection").warning("Connection to %s was lost", "Иванов")
    (line,) = _lines(stream)
    line["time"], line["places"] = "", [re.sub(":[0-9]+", "", place) for place in line["places"]]
    head = {"time": "", "level": "warning", "event": "library", "service": "inn", "logger": "aio_pika.connection"}
    place = f"{THIS_FILE} test_of_a_library_the_logger_and_the_place_are_logged_and_no_text"
    assert line == {**head, "places": [place]}


def test_a_level_of_a_librarys_own_is_the_standard_one_below_it() -> None:
    with _logging("DEBUG") as (_, stream):
        for level in (25, 35, 50, 60):
            logging.getLogger("multiprocessing").log(level, "said")
    assert [line["level"] for line in _lines(stream)] == ["info", "warning", "critical", "critical"]


def test_nobody_else_gets_what_libraries_say_until_the_end() -> None:
    own = io.StringIO()
    handler = logging.StreamHandler(own)
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False

    def state() -> list[object]:
        attributes = [
            (each.handlers[:], each.level, each.propagate, each.disabled) for each in (logging.root, *loggers)
        ]
        return [sys.excepthook, threading.excepthook, sys.unraisablehook, *attributes]

    before = state()
    with _logging() as (_, stream):
        for logger in loggers:
            logger.warning("said")
    assert [line["logger"] for line in _lines(stream)] == ["uvicorn", "uvicorn.error", "gunicorn.error"]
    assert own.getvalue() == ""
    assert state() == before
    for logger in loggers:
        logger.removeHandler(handler)
        logger.propagate = True


def test_what_a_library_says_waits_for_no_lock_of_the_handlers() -> None:
    with _logging() as (_, stream):
        saying = threading.Thread(target=logging.getLogger("pool").warning, args=("full",), daemon=True)
        lock = logging.root.handlers[0].lock
        assert lock is not None
        with lock:
            saying.start()
            saying.join(30)
            assert not saying.is_alive()
    assert [line["logger"] for line in _lines(stream)] == ["pool"]


def test_a_line_that_cannot_be_written_stops_nobody_and_is_counted() -> None:
    with _logging() as (telemetry, stream):
        stream.close()
        telemetry.lookup(FOUND)
        telemetry.error("consumer", ValueError())
        wait_for(lambda: b"inn_log_lines_lost_total 2.0" in telemetry.exposition(), within=30, what="two lost lines")
