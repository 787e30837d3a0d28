"""How asking goes wrong, in texts for the person at the terminal. None holds a secret or a person."""

from adapters.cli.failure import FAILED, Failure
from function.outcomes import Status
from function.request import LookupResult

MAX_TEXT = 500
"""Characters of a foreign text that are shown."""


class Refused(Failure):
    """The service will not answer such a request, today or tomorrow: the line to end with."""


class Unreached(Failure):
    """The service could not be asked, or the connection broke: it may be tried anew."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"cannot reach {where}: {why}", FAILED)


class NotNow(Failure):
    """The service says to ask later. `code` is the reason's, `retry_after` in seconds, 0 where it did not say."""

    def __init__(self, text: str, code: str = "", retry_after: float = 0) -> None:
        super().__init__(text, FAILED)
        self.code = code
        self.retry_after = retry_after


def plain(text: str) -> str:
    """A foreign text in one line, without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_TEXT].strip()


def mixed_up(request_id: object, result: LookupResult) -> bool:
    """Whether a reply belongs to another request: nobody may get another's INN.

    A rejected reply repeats no id where the request's was none.
    """
    return result.request_id != request_id and not (result.status is Status.REJECTED and not result.request_id)


MIXED_UP = "the service's replies do not belong to the requests: nothing of them is taken"
