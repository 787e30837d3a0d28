"""How a command ends when it can't do what it was asked for."""

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
