"""Label values that stay few: a metric's series must never grow with what is sent to us."""

from adapters.telemetry import harmless

OTHER = harmless.OTHER


class Words:
    """The values that a label can have. Any other becomes "other".

    `room`: so many more are learnt, each a code (`lower_case`), where the code base invents them.
    """

    def __init__(self, *known: str, room: int = 0) -> None:
        self._known = {OTHER: OTHER, **{str(word): str(word) for word in known}}
        self._most = len(self._known) + room

    def known(self, value: str) -> str:
        """The value itself, or "other"."""
        word = self._known.get(value)
        return self._learnt(value) if word is None else word

    def _learnt(self, value: str) -> str:
        # Two threads may learn at once and exceed the room by one: no harm.
        if len(self._known) < self._most and harmless.code(value):
            self._known[value] = value
            return value
        return OTHER
