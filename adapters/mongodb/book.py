"""The providers' shared state: a document a provider, each call one atomic step on the server's clock."""

from adapters.mongodb import turns
from adapters.mongodb.faults import translated
from adapters.mongodb.part import Part
from function import pacing
from function.pacing import Pace, Shut, Turn


class MongoBook(Part):
    """The ProviderBook."""

    def take(self, provider: str, pace: Pace, patience: float) -> Turn | Shut:
        """See ProviderBook."""
        return turns.told(self._stepped(self._providers, provider, turns.take(pace, patience)), pace)

    def cool(self, provider: str, pace: Pace, at_least: float = 0) -> float:
        """See ProviderBook."""
        document = self._stepped(self._providers, provider, turns.cool(pace, at_least))
        return max(0.0, turns.entry_of(document).closed_until - turns.now_of(document))

    def clear(self, provider: str) -> None:
        """See ProviderBook."""
        with translated():
            self._providers.update_one({"_id": provider, **turns.REOPENED}, {"$set": {"level": 0, "probe_until": 0}})

    def look(self, provider: str, pace: Pace) -> Shut | None:
        """See ProviderBook."""
        with translated():
            found = list(self._providers.aggregate([{"$match": {"_id": provider}}, *turns.timed()]))
        return pacing.closed(turns.entry_of(found[0]), pace, turns.now_of(found[0])) if found else None
