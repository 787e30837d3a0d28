"""The providers' shared state: a document a provider, each call one atomic step on the server's clock."""

from collections.abc import Sequence

from adapters.mongodb import turns
from adapters.mongodb.connection import MongoConfig
from adapters.mongodb.faults import waited_out
from adapters.mongodb.gathering import Gathering
from adapters.mongodb.part import Part, Seals
from function import rate_limit as pacing
from function.ports import Clock
from function.rate_limit import Entry, Pace, Shut, Turn


class MongoBook(Part):
    """The ProviderBook."""

    def __init__(self, config: MongoConfig, seals: Seals, clock: Clock) -> None:
        super().__init__(config, seals, clock)
        self._seen = Gathering(self._see_all)

    def take(self, provider: str, pace: Pace, patience: float) -> Turn | Shut:
        """See ProviderBook. Where turns are neither spaced nor counted, all but a probe's is only looked up."""
        if not (pace.min_interval or pace.daily_limit):
            entry, now = self._seen(provider)
            _, turn = pacing.decide(entry, pace, now, patience)
            if isinstance(turn, Shut) or not turn.probe:
                return turn
        return turns.told(self._stepped(self._providers, provider, turns.take(pace, patience)), pace)

    def cool(self, provider: str, pace: Pace, at_least: float = 0) -> float:
        """See ProviderBook."""
        document = self._stepped(self._providers, provider, turns.cool(pace, at_least))
        return max(0.0, turns.entry_of(document).closed_until - turns.now_of(document))

    def clear(self, provider: str) -> None:
        """See ProviderBook."""
        with waited_out():
            self._providers.update_one({"_id": provider, **turns.REOPENED}, {"$set": {"level": 0, "probe_until": 0}})

    def look(self, provider: str, pace: Pace) -> Shut | None:
        """See ProviderBook."""
        entry, now = self._seen(provider)
        return pacing.closed(entry, pace, now)

    def _see_all(self, providers: Sequence[str]) -> Sequence[tuple[Entry, float]]:
        """The entries and the server's time; an empty entry where there is none yet."""
        with waited_out():
            found = list(
                self._providers.aggregate([{"$match": {"_id": {"$in": list(set(providers))}}}, *turns.timed()])
            )
        seen = {document["_id"]: (turns.entry_of(document), turns.now_of(document)) for document in found}
        return [seen.get(provider, (Entry(), 0.0)) for provider in providers]
