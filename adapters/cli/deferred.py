"""Commands that are imported when they are run: their names and first lines are known without.

A driver takes its second to import, and `inn --help` or a shell that completes would wait for all of them.
"""

import ast
import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from adapters.runtime.imports import swiftly


class Deferred(TyperCommand):
    """Stands for the command at an entry point: a function with typer's annotations, or a Typer."""

    def __init__(self, entry: EntryPoint) -> None:
        super().__init__(entry.name, rich_markup_mode=None)
        self._entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, from which it is completed and run."""
        with swiftly():
            target = self._entry.load()
        return command(self._entry.name, target).make_context(info_name, args, parent, **extra)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Its first sentence, read from its source."""
        sentence = about(self._entry).partition("\n\n")[0].replace("\n", " ")
        return sentence if len(sentence) <= limit else sentence[: limit - 3].rpartition(" ")[0] + "..."


def command(name: str, target: Callable[..., object] | typer.Typer) -> Any:
    """A command of typer's, whose help is plain text."""
    if not isinstance(target, typer.Typer):
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(target)
        target = alone
    target.rich_markup_mode = None
    for registered in target.registered_commands:
        registered.help = registered.help or _help(registered.callback)
    return typer.main.get_command(target)


def about(entry: EntryPoint) -> str:
    """What the command says of itself: the function's docstring, or the `help` that a Typer is made with."""
    spec = find_spec(entry.module)
    if spec is None or spec.origin is None:
        return ""
    for node in ast.parse(Path(spec.origin).read_bytes()).body:
        match node:
            case ast.FunctionDef(name=entry.attr):
                return ast.get_docstring(node) or ""
            case ast.Assign(targets=[ast.Name(id=entry.attr)], value=ast.Call(keywords=keywords)):
                return next((_text(keyword.value) for keyword in keywords if keyword.arg == "help"), "")
            case _:
                continue
    return ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _help(function: Callable[..., object] | None) -> str:
    """A docstring in which examples keep their lines: typer would let them flow together."""
    return inspect.cleandoc((function and function.__doc__) or "").replace("\n\nExample", "\n\n\b\nExample")
