"""The core: microseconds of each piece, in this process, with nothing but memory behind it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from timeit import repeat

from bench.figures import Series, Subject
from bench.people import KEYS, body
from bench.servers import Servers
from function.event import Event
from function.handler import handle
from function.outcomes import Answer, Answered, Status
from function.request import LookupRequest, parse
from function.result import result_of
from tests.doubles import MemoryAnswers, World

CALLS, REPEATS = 2_000, 9
CONTEXT = b"answers 1"


def measure(_servers: Servers) -> Subject:
    """Microseconds of one call."""
    data, now = body(1), datetime(2026, 1, 1, tzinfo=UTC)
    request = parse(data, date.max)
    assert isinstance(request, LookupRequest)
    answer = Answer(Status.FOUND, "770000000082", "nalog", now, now + timedelta(days=365))
    ports = World(MemoryAnswers({request.person: answer})).ports
    encrypted = KEYS.encrypt(b"770000000082", CONTEXT)
    calls: dict[str, Callable[[], object]] = {
        "parse and validate": lambda: parse(data, date.max),
        "hash of a person": lambda: KEYS.hash(request.person),
        "encrypt an INN": lambda: KEYS.encrypt(b"770000000082", CONTEXT),
        "decrypt an INN": lambda: KEYS.decrypt(encrypted, CONTEXT),
        "reply (result_of and JSON)": lambda: result_of(Answered(request, answer, cached=True), 0.001).to_json(),
        "handle": lambda: handle(Event(data), ports),
    }
    seconds = {name: repeat(call, number=CALLS, repeat=REPEATS) for name, call in calls.items()}
    series = [Series(name, "µs", [each / CALLS * 1e6 for each in took]) for name, took in seconds.items()]
    return Subject("The core, in memory", series)
