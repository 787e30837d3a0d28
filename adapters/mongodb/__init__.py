"""What is kept in MongoDB, sealed, and shared by every replica: answers and claims, providers' state, history.

- Writes are acknowledged by a majority and journaled: an answer or a claim that was reported survives
  the loss of a primary.
- Reads go to the primary, with local read concern. Who waits for another worker's answer sees it as
  soon as it is saved; and what a failover might roll back was a true answer all the same.
- Claims and turns are taken on the server's clock. An answer's expiry was set by a host's clock and
  is judged by one.
- Weather (no server, no primary, too slow) is `Unavailable`. A login or permission that MongoDB refuses
  is `StoreRefuses` to an operator and to a start (`WrongAddress` before anything is sent); to a lookup it is an outage, which passes once it is mended.
  All else is `StoreFault`. No text of the driver leaves this package.
"""

from importlib.util import find_spec

from adapters.runtime.imports import without

# The driver looks for PyOpenSSL in a module that imports all of X.509 before it fails: where it fails, it need not look.
with without(*() if find_spec("OpenSSL") else ("pymongo.pyopenssl_context",)):
    from adapters.mongodb.answers import MongoAnswers
    from adapters.mongodb.archive import MongoArchive
    from adapters.mongodb.book import MongoBook
    from adapters.mongodb.connection import MongoConfig
    from adapters.mongodb.faults import StoreFault, StoreRefuses, WrongAddress
    from adapters.mongodb.gathering import longest
    from adapters.mongodb.part import Seals, UnderOldKeys

__all__ = [
    "MongoConfig",
    "MongoStore",
    "Seals",
    "StoreFault",
    "StoreRefuses",
    "UnderOldKeys",
    "WrongAddress",
    "longest",
]


class MongoStore(MongoAnswers, MongoBook, MongoArchive):
    """An AnswerStore, a ProviderBook and an Archive in one database. Make it after a fork, `prepare` it, `close` it."""
