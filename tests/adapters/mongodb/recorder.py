"""Records what the driver sends to the server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent


class Recorder(CommandListener):
    """Records each command, and its reply, while `recording`. `before_first` holds up the first."""

    def __init__(self) -> None:
        self._on = False
        self.before_first: Callable[[], object] | None = None
        self.commands: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        self.commands.clear()
        self.replies.clear()
        self._on = True
        yield
        self._on = False

    @property
    def names(self) -> list[str]:
        """The commands' names, with what they are sent to."""
        return [f"{name} {command[name]}" for command in self.commands for name in [next(iter(command))]]

    def started(self, event: CommandStartedEvent) -> None:
        if self._on:
            self.commands.append(dict(event.command))
            hold, self.before_first = self.before_first, None
            if hold is not None:
                hold()

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if self._on:
            self.replies.append(dict(event.reply))

    def failed(self, event: CommandFailedEvent) -> None: ...
