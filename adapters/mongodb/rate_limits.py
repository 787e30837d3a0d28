"""The provider states: a document a provider, each call one atomic update on the server's clock.

The pipelines decide as `function.rate_limit` does, in the same arithmetic, so that both agree to the last bit.
Times are seconds since the epoch. What an update found out stays in the document until the next one: `now`,
and of a permit `taken` and `probe`.
"""

from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from adapters.mongodb.batching import Batcher
from adapters.mongodb.client import Encryption, MongoBase, MongoConfig
from adapters.mongodb.errors import lookup_errors
from adapters.mongodb.pipelines import Document, Expression, Pipeline
from function.ports import Clock
from function.rate_limit import (
    MAX_COOLDOWN_SEC,
    MAX_DOUBLINGS,
    DenialReason,
    Denied,
    Permit,
    ProviderState,
    RateLimit,
    RateLimiter,
    acquired,
    circuit_denial,
)

SERVER_NOW = "$$NOW"
_FIELDS = {
    "next_free": "next_free",
    "open_until": "closed_until",
    "failures": "level",
    "probe_until": "probe_until",
    "day": "day",
    "count": "count",
}
"""The document's field for each of ProviderState; replicas of earlier versions share the documents."""
_EMPTY: Document = {field: getattr(ProviderState(), name) for name, field in _FIELDS.items()}
_NOW_SEC: Expression = {"$divide": [{"$toLong": SERVER_NOW}, 1000]}
_COOLED_DOWN: Document = {"$expr": {"$gte": [_NOW_SEC, "$closed_until"]}}


class MongoRateLimiter(MongoBase, RateLimiter):
    """The RateLimiter."""

    def __init__(self, config: MongoConfig, encryption: Encryption, clock: Clock) -> None:
        super().__init__(config, encryption, clock)
        self._states = Batcher(self._read_states)

    @override
    def acquire(self, provider: str, limit: RateLimit) -> Permit | Denied:
        """Where permits are neither spaced nor counted, the state is only read, unless the permit is a probe's."""
        if not (limit.min_interval or limit.daily_limit):
            state, now = self._states(provider)
            _, result = acquired(state, limit, now)
            if isinstance(result, Denied) or not result.probe:
                return result
        return result_of(self._update(self._providers, provider, acquire(limit)), limit)

    @override
    def cool_down(self, provider: str, limit: RateLimit, at_least: float = 0) -> float:
        document = self._update(self._providers, provider, cool_down(limit, at_least))
        return max(0.0, state_of(document).open_until - now_of(document))

    @override
    def recover(self, provider: str) -> None:
        with lookup_errors():
            self._providers.update_one({"_id": provider, **_COOLED_DOWN}, {"$set": {"level": 0, "probe_until": 0}})

    @override
    def check(self, provider: str, limit: RateLimit) -> Denied | None:
        state, now = self._states(provider)
        return circuit_denial(state, limit, now)

    def _read_states(self, providers: Sequence[str]) -> Sequence[tuple[ProviderState, float]]:
        """The states and the server's time; an empty state where there is none yet."""
        with lookup_errors():
            found = list(self._providers.aggregate([{"$match": {"_id": {"$in": list(set(providers))}}}, *complete()]))
        states = {document["_id"]: (state_of(document), now_of(document)) for document in found}
        return [states.get(provider, (ProviderState(), 0.0)) for provider in providers]


def complete(now: Any = SERVER_NOW) -> Pipeline:
    """The state with all fields, and the time."""
    fields = {field: {"$ifNull": [f"${field}", default]} for field, default in _EMPTY.items()}
    return [{"$set": {**fields, "now": {"$divide": [{"$toLong": now}, 1000]}}}]


def acquire(limit: RateLimit, now: Any = SERVER_NOW) -> Pipeline:
    """`rate_limit.acquired`."""
    today = {"$dateToString": {"date": now, "format": "%Y-%m-%d", "timezone": "+03:00"}}
    count = {"$cond": [{"$eq": ["$day", "$today"]}, "$count", 0]}
    conditions: list[Expression] = [
        {"$gte": ["$now", "$closed_until"]},
        {"$not": [{"$and": ["$probe", {"$lt": ["$now", "$probe_until"]}]}]},
        {"$gte": ["$now", "$next_free"]},
    ]
    if limit.daily_limit:
        conditions.append({"$lt": [count, limit.daily_limit]})
    taken: Document = {
        "next_free": {"$add": ["$now", limit.min_interval]},
        "probe_until": _if("$probe", {"$add": ["$now", limit.probe_lease]}, 0),
        "day": "$today",
        "count": {"$add": [count, 1]},
    }
    return [
        *complete(now),
        {"$set": {"today": today, "probe": {"$gt": ["$level", 0]}}},
        {"$set": {"taken": {"$and": conditions}}},
        {"$set": {field: _if("$taken", value, f"${field}") for field, value in taken.items()}},
    ]


def cool_down(limit: RateLimit, at_least: float, now: Any = SERVER_NOW) -> Pipeline:
    """`rate_limit.cooled_down`."""
    doubled = {"$multiply": [limit.cooldown, {"$pow": [2, {"$min": ["$level", MAX_DOUBLINGS]}]}]}
    grown = {"$min": [doubled, max(MAX_COOLDOWN_SEC, limit.cooldown)]}
    is_open = {"$lt": ["$now", "$closed_until"]}
    longer = {"$max": ["$closed_until", {"$add": ["$now", at_least]}]}
    opens = {"$gt": ["$seconds", 0]}
    return [
        *complete(now),
        {"$set": {"is_open": is_open, "seconds": {"$max": [grown, at_least]}}},
        {
            "$set": {
                "closed_until": _if("$is_open", longer, _if(opens, {"$add": ["$now", "$seconds"]}, "$closed_until")),
                "level": _if({"$and": [{"$not": ["$is_open"]}, opens]}, {"$add": ["$level", 1]}, "$level"),
                "probe_until": _if("$is_open", "$probe_until", 0),
            }
        },
        {"$unset": ["is_open", "seconds"]},
    ]


def result_of(document: Document, limit: RateLimit) -> Permit | Denied:
    """What the caller of `acquire` gets."""
    if document["taken"]:
        return Permit(document["probe"])
    state, now = state_of(document), now_of(document)
    return circuit_denial(state, limit, now) or Denied(DenialReason.PACED, state.next_free - now)


def state_of(document: Document) -> ProviderState:
    """The state in a document."""
    return ProviderState(**{name: document[field] for name, field in _FIELDS.items()})


def now_of(document: Document) -> float:
    """The server's time, in a document after an update."""
    return float(document["now"])


def _if(condition: Any, then: Any, otherwise: Any) -> Expression:
    return {"$cond": [condition, then, otherwise]}
