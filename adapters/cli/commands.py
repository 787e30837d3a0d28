"""The commands of `inn` by typer. Each is imported only when it is called: a driver alone takes a second.

They are the entry points of the group `inn.commands` (pyproject.toml): functions with typer's annotations, or a
`typer.Typer` with sub-commands. So `local`, which depends on the adapters, can be one.
"""

import inspect
import logging
import os
from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path
from traceback import extract_tb
from typing import Annotated

import typer

from adapters.cli.errors import FAILED, INTERRUPTED, WRONG_USE, failure_of
from adapters.runtime.import_speed import fast_imports

DISTRIBUTION = "inn-service"
HELP = "Finds a Russian person's INN from passport data."
EPILOG = "Example: inn lookup --help"
SHORT_HELP = {  # the first sentence of each command's help, or all of a group's, without an import
    "batch": "Ask for every row of a table, and write the table anew with inn, status and details behind each row.",
    "consume": "Answer requests from RabbitMQ with production settings (the environment, or .env).",
    "dead": "See, return or delete parked messages: requests whose retries are used up, and what is no request.",
    "doctor": "Look at the settings (the environment, or .env) and at each server, and say what to mend.",
    "forget": "Erase the answer and the history of one person, and keep a record of it without personal data.",
    "history": "Show what was looked up at a provider; answers from the cache leave no row.",
    "local": "Run everything on this machine: the function, an emulated tax service and a page to play with.",
    "lookup": "Ask for one person.",
    "serve": "Serve the HTTP function with production settings (the environment, or .env).",
}


def call(arguments: Sequence[str]) -> object:
    """Run one command, and return its result. Raises typer's errors as well as its own."""
    # Libraries would log to stderr, with addresses; commands report the errors themselves.
    logging.getLogger().addHandler(logging.NullHandler())
    command = typer.main.get_command(_app(arguments))
    # In its stand-alone mode typer would print errors itself.
    return command.main(list(arguments) or ["--help"], prog_name="inn", standalone_mode=False)


def _app(arguments: Sequence[str]) -> typer.Typer:
    """All commands. Imports only those that the arguments name, and all where the shell completes a command."""
    # Plain text starts faster than boxes, and suits logs, narrow windows and screen readers.
    app = typer.Typer(help=HELP, epilog=EPILOG, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(_root)
    # Only of this distribution: reading all installed ones takes a third of a second.
    for entry in sorted(distribution(DISTRIBUTION).entry_points.select(group="inn.commands")):
        if entry.name not in arguments and "_INN_COMPLETE" not in os.environ:
            app.command(entry.name, help=SHORT_HELP[entry.name])(lambda: None)
            continue
        with fast_imports():
            target: Callable[..., object] | typer.Typer = entry.load()
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=entry.name, help=SHORT_HELP[entry.name])
            for registered in target.registered_commands:
                registered.help = _help(registered.callback)
        else:
            app.command(entry.name, help=_help(target))(target)
    return app


def _help(command: Callable[..., object] | None) -> str:
    # Without the mark typer joins the lines of examples.
    return (inspect.getdoc(command) or "").replace("\n\nExample", "\n\n\b\nExample")


def _root(*, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"inn {distribution(DISTRIBUTION).version}")
        raise typer.Exit


def error_line(error: Exception, arguments: Sequence[str] = ()) -> tuple[str, int]:
    """The line for standard error, and the exit status.

    Of a bug only the type and place are shown: its text may contain personal data.
    """
    match error:
        case typer.TyperException():
            message = error.format_message()
            context = getattr(error, "ctx", None)
            path = context.command_path if context else f"inn {arguments[0]}"
            # The help of a group that was called without a command has several lines.
            line = message if "\n" in message else f"{path}: {message.rstrip('.')}; see {path} --help"
            return line, WRONG_USE
        case typer.Abort():
            # typer raises the same for Ctrl-C and for an input that ends.
            return "inn: not done", INTERRUPTED if isinstance(error.__context__, KeyboardInterrupt) else FAILED
    if failure := failure_of(error):
        return f"inn: {failure}", failure.status
    place = extract_tb(error.__traceback__)[-1]
    return f"inn: a fault of this program, {type(error).__name__} at {Path(place.filename).name}:{place.lineno}", FAILED
