"""The question whether it is meant, before anything is erased: somebody at a terminal answers it, or nobody is asked."""

import sys

import typer

from adapters.cli.failure import FAILED, WRONG_USE, Failure


def at_a_terminal() -> bool:
    """Whether there is somebody who can be asked."""
    # A process that was started with its standard input closed has none.
    return sys.stdin is not None and sys.stdin.isatty()


def must_be_meant(question: str, *, nobody: str) -> None:
    """Return if somebody says yes. Raises Failure: `nobody` where there is no terminal."""
    if not at_a_terminal():
        raise Failure(nobody, WRONG_USE)
    if not typer.confirm(question, err=True):
        raise Failure("not done", FAILED)
