"""Exit statuses, and the errors that end a command with one line on standard error."""

DONE = 0
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""


class Failure(Exception):
    """Ends a command with this line on stderr and this exit status. The text has no personal data and no secret."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class WrongUse(Failure):
    """Wrong options or input. Nothing was done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, WRONG_USE)


class Unwritable(Failure):
    """Standard output cannot be written; the text says why."""


class StdoutClosed(Unwritable):
    """The reader has closed standard output, as in `inn history | head`."""
