"""Fuzzes the readers of replies: `python fuzz_replies.py [corpus] [-runs=N]`. Its exit status is 0 where it found nothing."""

import sys

import atheris  # type: ignore[import-untyped]  # it comes without types

with atheris.instrument_imports(include=["adapters.providers.nalog", "adapters.providers.apifns", "function.inn"]):
    from adapters.providers import apifns
    from adapters.providers.http_client import SiteReply
    from adapters.providers.nalog.replies import legacy_reply, parse_find_reply, parse_get_reply
    from function import inn
    from function.outcomes import Status
    from function.ports import ProviderReply, Unavailable, Verdict

STATUSES = (200, 400, 404, 405, 429, 500)


def one(data: bytes) -> None:
    """The first byte chooses status and reader, the others are the body."""
    choice = data[0] if data else 0
    page = SiteReply(STATUSES[choice % len(STATUSES)], data[1:])
    for read in (parse_find_reply, parse_get_reply, legacy_reply, apifns.read):
        try:
            said = read(page)
        except Unavailable:
            continue
        verdict = said.answer if isinstance(said, ProviderReply) else said
        if isinstance(verdict, Verdict) and inn.is_valid(verdict.inn) != (verdict.status is Status.FOUND):
            raise AssertionError(verdict.status)
        if (
            isinstance(verdict, Verdict)
            and verdict.status is Status.NOT_FOUND
            and b"0" not in data
            and b"error" not in data
        ):
            raise AssertionError("not found from garbage")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
