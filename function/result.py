"""The reply to a client, and the one translation of outcomes into words for replies, logs and metrics."""

from typing import NamedTuple, assert_never

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from function.outcomes import Answered, Deferred, InProgress, Outcome, Reason, Rejected, Status

ADVICE = {
    Status.FOUND: "",
    Status.NOT_FOUND: (
        "the tax service has no INN for this person under this document; "
        "it may have been given under an earlier passport: try that one"
    ),
    Status.AMBIGUOUS: (
        "the tax service cannot tell this person from another; check the data, or try an earlier passport"
    ),
}
"""`details` of answers, after the tax service's own page."""
_FINAL = {status.value: status for status in Status}


class LookupResult(BaseModel):
    """The reply. `inn`: 12 digits where `status` is found, else ""; `elapsed_time`: in seconds."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    request_id: str
    inn: str
    cached: bool
    details: str
    elapsed_time: float
    status: Status

    def to_json(self) -> bytes:
        """The reply's body: UTF-8 JSON."""
        return self.model_dump_json(by_alias=True).encode()


class Summary(NamedTuple):
    """An outcome for logs and metrics. `status`: the reply's status, or the code of the reason to wait."""

    request_id: str
    status: str
    cached: bool = False
    provider: str = ""
    details: str = ""


def summary_of(outcome: Outcome) -> Summary:
    """Summarise an outcome."""
    match outcome:
        case Answered(request, answer, cached):
            return Summary(request.request_id, answer.status, cached, answer.provider, ADVICE[answer.status])
        case Rejected(request_id, errors):
            return Summary(request_id or "", Status.REJECTED, details="; ".join(map(str, errors)))
        case Deferred(request, reason):
            return Summary(request.request_id, reason, details=f"{reason}: {reason.text}")
        case InProgress(request):
            return summary_of(Deferred(request, Reason.IN_PROGRESS))
        case _:
            assert_never(outcome)


def result_of(outcome: Outcome, elapsed: float) -> LookupResult:
    """The reply for a lookup that has ended; one that would have to wait ends as `failed`. `elapsed`: seconds."""
    request_id, status, cached, _, details = summary_of(outcome)
    return LookupResult(
        request_id=request_id,
        inn=outcome.answer.inn if isinstance(outcome, Answered) else "",
        cached=cached,
        details=details,
        elapsed_time=round(elapsed, 6),
        status=_FINAL.get(status, Status.FAILED),
    )
