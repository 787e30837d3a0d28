"""Exit statuses, and the errors that end a command with one line on standard error."""

DONE = 0
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""


class Failure(Exception):
    """A command ends with this line on stderr and this exit status. The text holds no personal data and no secret."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class WrongUse(Failure):
    """What was asked for can't be done so, and nothing was."""

    def __init__(self, message: str) -> None:
        super().__init__(message, WRONG_USE)


class Unwritable(Failure):
    """Standard output accepts nothing more; the text says why."""


class StdoutClosed(Unwritable):
    """The reader of standard output has closed it, as in `inn history | head`."""
