"""Label values that stay few: a metric's series must never grow with what is sent to us."""

from adapters.telemetry.harmless import OTHER


class Words:
    """The values that a label can have. Any other becomes "other"."""

    def __init__(self, *known: str) -> None:
        self._known = {str(word): str(word) for word in known}

    def known(self, value: str) -> str:
        """The value itself, or "other"."""
        return self._known.get(value, OTHER)
