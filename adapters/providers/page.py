"""One provider's page of the book, and who is told what is written there."""

from function.rate_limit import Pace, ProviderBook, Shut, Why
from function.telemetry import Observer


class Page:
    """What one provider's turns and cool-downs are read from and written to.

    An Observer hears of each closing and opening once, those that other replicas caused too.
    """

    def __init__(self, name: str, pace: Pace, book: ProviderBook, observer: Observer) -> None:
        self.name = name
        self.observer = observer
        self._pace = pace
        self._book = book
        self._told: Why | None = None

    def look(self) -> Shut | None:
        """Why the provider is shut now; None: it may be asked."""
        return self._book.look(self.name, self._pace)

    def take(self, patience: float) -> tuple[float, bool] | Shut:
        """A turn, as its wait and whether it is a probe."""
        turn = self._book.take(self.name, self._pace, patience)
        if isinstance(turn, Shut):
            if turn.why in (Why.COOLING, Why.DAILY_LIMIT) and turn.why is not self._told:
                self._tell(turn)
            return turn
        if not turn.probe:
            self._tell_open()
        return turn.wait, turn.probe

    def cool(self, at_least: float = 0) -> float:
        """Close the provider; the seconds, 0 where cool-downs are off."""
        seconds = self._book.cool(self.name, self._pace, at_least)
        if seconds:
            self._tell(Shut(Why.COOLING, seconds))
        return seconds

    def clear(self) -> None:
        """Open the provider for all."""
        self._book.clear(self.name)
        self._tell_open()

    def _tell(self, shut: Shut) -> None:
        self._told = shut.why
        self.observer.provider_closed(self.name, shut.why.value, shut.reopens_in)

    def _tell_open(self) -> None:
        if self._told is not None:
            self.observer.provider_closed(self.name, self._told.value, 0)
            self._told = None
