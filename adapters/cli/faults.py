"""Errors in one clear line. What nobody foresaw is told by its type and place alone, for its text may hold a person."""

from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb

import typer

from adapters.cli.failure import FAILED, INTERRUPTED, WRONG_USE, Failure
from adapters.cli.output import Unwritable
from adapters.config.environment import WrongSettings


@dataclass(frozen=True, slots=True)
class Fault:
    """What is printed, and the exit status."""

    text: str
    status: int

    def __str__(self) -> str:
        return self.text


def told(exc: Exception, path: str = "inn") -> Fault:
    """What an error is to the person who called the command at `path`."""
    if isinstance(exc, typer.TyperException):
        return Fault(_usage(exc, path), WRONG_USE)
    if isinstance(exc, Unwritable):
        return Fault(f"inn: {exc}", FAILED)
    if isinstance(exc, Failure):
        return Fault(f"inn: {exc}", exc.status)
    if isinstance(exc, WrongSettings):
        return Fault(f"inn: {exc}", WRONG_USE)
    if isinstance(exc, typer.Abort):
        # Of Ctrl-C and of an input that ends typer makes one and the same.
        broken_off = isinstance(exc.__context__, KeyboardInterrupt)
        return Fault("inn: not done", INTERRUPTED if broken_off else FAILED)
    return Fault(f"inn: a fault of this program, {type(exc).__name__}{_place(exc)}", FAILED)


def _usage(exc: typer.TyperException, path: str) -> str:
    message = exc.format_message()
    if "\n" in message:
        # A group that was called without a command shows its help.
        return message
    context = getattr(exc, "ctx", None)
    path = context.command_path if context is not None else path
    return f"{path}: {message.rstrip('.')}; see {path} --help"


def _place(exc: Exception) -> str:
    frames = extract_tb(exc.__traceback__)
    return f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
