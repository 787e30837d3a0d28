"""The store in MongoDB, encrypted, and shared by every replica: answers, claims and tickets, provider states, history.

- Writes are acknowledged by a majority and journaled: a saved answer survives the loss of a primary.
- Reads go to the primary, with local read concern: an answer that a failover rolls back was correct nevertheless.
- Claims and permits are taken on the server's clock, answers expire by a host's.
- A transient error (no server, no primary, too slow) is `Unavailable`. A login or permission that MongoDB refuses
  is `StoreRefuses` to an operator and at start (`WrongAddress` where a setting must change); to a lookup it is an outage.
  Any other error is `StoreFault`. No text of the driver leaves this package.
"""

from importlib.util import find_spec

from adapters.runtime.import_speed import fast_imports

# The driver imports all of X.509 before it checks that PyOpenSSL is missing.
with fast_imports(*() if find_spec("OpenSSL") else ("pymongo.pyopenssl_context",)):
    from adapters.mongodb.answer_store import MongoAnswers
    from adapters.mongodb.errors import StoreFault, StoreRefuses, WrongAddress
    from adapters.mongodb.history_and_erasure import MongoHistory, StoredCounts
    from adapters.mongodb.provider_states import MongoRateLimiter
    from adapters.mongodb.store_base import MongoConfig

__all__ = ["MongoConfig", "MongoStore", "StoreFault", "StoreRefuses", "StoredCounts", "WrongAddress"]


class MongoStore(MongoAnswers, MongoRateLimiter, MongoHistory):
    """All ports of the store in one database. Make it after a fork, `prepare` it, `close` it."""
