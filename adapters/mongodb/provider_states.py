"""Stores the provider states, one document each; `function.rate_limit` decides, by the server's clock.

A changed state replaces the stored one only if that has not changed meanwhile; else the decision is repeated. So a
denial writes nothing, and only one of several workers takes a free permit.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple
from operator import itemgetter
from typing import TypeVar

import pymongo
from pymongo.errors import DuplicateKeyError
from typing_extensions import override

from adapters.mongodb.batching import Batcher
from adapters.mongodb.documents import Document, Encryption
from adapters.mongodb.errors import driver_errors
from adapters.mongodb.store_base import MongoBase, MongoConfig
from function import rate_limit
from function.ports import Clock
from function.rate_limit import Denied, Permit, ProviderState, RateLimit, RateLimiter

T = TypeVar("T")
# Stored names of ProviderState's fields, in order; `closed_until` is `open_until`, as earlier versions named it.
_FIELDS = ("next_free", "closed_until", "level", "probe_until", "day", "count")
_values = itemgetter(*_FIELDS)


class MongoRateLimiter(MongoBase, RateLimiter):
    """The RateLimiter."""

    def __init__(self, config: MongoConfig, encryption: Encryption, clock: Clock) -> None:
        super().__init__(config, encryption, clock)
        self._states = Batcher(self._read_states)

    @override
    def acquire(self, provider: str, limit: RateLimit) -> Permit | Denied:
        def decide(state: ProviderState, now: float) -> tuple[ProviderState, Permit | Denied]:
            after, result = rate_limit.take_permit(state, limit, now)
            # A permit without interval and daily limit is not stored, unless it is a probe's.
            is_stored = limit.min_interval or limit.daily_limit or result == Permit(probe=True)
            return after if is_stored else state, result

        return self._decide(provider, decide)

    @override
    def cool_down(self, provider: str, limit: RateLimit, at_least: float = 0) -> float:
        def decide(state: ProviderState, now: float) -> tuple[ProviderState, float]:
            after = rate_limit.open_circuit(state, limit, now, at_least)
            return after, max(0.0, after.open_until - now)

        return self._decide(provider, decide)

    @override
    def recover(self, provider: str) -> None:
        self._decide(provider, lambda state, now: (rate_limit.close_circuit(state, now), None))

    @override
    def check(self, provider: str, limit: RateLimit) -> Denied | None:
        return self._decide(provider, lambda state, now: (state, rate_limit.circuit_denial(state, limit, now)))

    def _decide(self, provider: str, decide: Callable[[ProviderState, float], tuple[ProviderState, T]]) -> T:
        """Apply `decide` to the stored state, and return its result."""
        with driver_errors(lookup=True), pymongo.timeout(self._config.operation):
            while True:
                before, now = self._states(provider)
                after, result = decide(before, now)
                if after == before:
                    return result
                # A missing field, or a missing document, equals the default.
                same = {field: {"$in": [value, None]} for field, value in _document(before).items()}
                update = {"$set": _document(after)}
                with suppress(DuplicateKeyError):
                    self._providers.find_one_and_update({"_id": provider, **same}, update, upsert=True)
                    return result

    def _read_states(self, providers: Sequence[str]) -> Sequence[tuple[ProviderState, float]]:
        """Each provider's state, and the server's time."""
        wanted = {"_id": {"$in": list(set(providers))}}
        found = self._providers.aggregate([{"$match": wanted}, {"$set": {"now": "$$NOW"}}])
        stored = {document["_id"]: document for document in found}
        default = _document(ProviderState())
        if stored.keys() != set(providers):
            # Without these options the times in a command's reply would be naive.
            hello = self._database.command("hello", codec_options=self._database.codec_options)
            default["now"] = hello["localTime"]
        states = [{**default, **stored.get(provider, {})} for provider in providers]
        return [(ProviderState(*_values(state)), state["now"].timestamp()) for state in states]


def _document(state: ProviderState) -> Document:
    return dict(zip(_FIELDS, astuple(state), strict=True))
