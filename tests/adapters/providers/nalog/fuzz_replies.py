"""Fuzzes the readers of replies: `python -m` this module `[corpus] [-runs=N]`. Its exit status is 0 where it found nothing."""

import sys

import atheris  # type: ignore[import-untyped]  # it comes without types

with atheris.instrument_imports(include=["adapters.providers.nalog", "adapters.providers.apifns", "function.inn"]):
    from adapters.providers.http_client import SiteReply
    from function.outcomes import Status
    from function.ports import Verdict
    from tests.adapters.providers.nalog.test_any_bytes import READERS, said_by

STATUSES = (200, 400, 404, 405, 429, 500)


def one(data: bytes) -> None:
    """The first byte chooses the status, the others are the body."""
    page = SiteReply(STATUSES[(data or b"\0")[0] % len(STATUSES)], data[1:])
    for verdict in [said_by(read, page) for read in READERS]:
        if isinstance(verdict, Verdict) and verdict.status is Status.NOT_FOUND:
            assert b"0" in data or b"error" in data, "not found from garbage"


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
