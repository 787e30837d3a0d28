"""The core's pieces, each as a call without arguments. `python -m bench.cases NAME COUNT` makes it so many times."""

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from adapters.answers.encryption import KeyRing
from function.handler import handle
from function.outcomes import Answer, Answered, Status
from function.request import LookupRequest, parse, result_of
from tests.doubles import Answers, World

_BODY = (
    '{"requestId":"bench-1","lastName":"Небывальцев","firstName":"Велимудр","middleName":"Златозарович",'
    '"birthDate":"1970-02-03","documentSerial":"4511","documentNumber":"123456"}'
).encode()
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PLACE = b"answers 1"


def cases() -> dict[str, Callable[[], object]]:
    """By name, all of them ready to run."""
    request = parse(_BODY, date.max)
    assert isinstance(request, LookupRequest)
    answer = Answer(Status.FOUND, "770000000082", "nalog", _NOW, _NOW + timedelta(days=365))
    ports = World(Answers({request.person: answer})).ports
    sealer = KeyRing(["a-key-of-the-benchmark-that-is-long-enough"])
    sealed = sealer.encrypt(b"770000000082", _PLACE)
    outcome = Answered(request, answer, cached=True)
    return {
        "validation (parse)": lambda: parse(_BODY, date.max),
        "identity (person)": lambda: LookupRequest.person.func(request),  # type: ignore[attr-defined]  # past its cache
        "identity's hash (seal id)": lambda: sealer.hash(request.person),
        "sealing an INN": lambda: sealer.encrypt(b"770000000082", _PLACE),
        "opening an INN": lambda: sealer.decrypt(sealed, _PLACE),
        "reply (result_of and JSON)": lambda: result_of(outcome, 0.001).to_json(),
        "handle, ports in memory": lambda: handle(_BODY, ports),
    }


if __name__ == "__main__":
    call = cases()[sys.argv[1]]
    for _ in range(int(sys.argv[2])):
        call()
