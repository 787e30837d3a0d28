"""The embedded store: one SQLite file that any number of threads and processes share, with MongoDB's promises.

It keeps the invented people of the local runtime, in plain text. Real persons belong in the store
that encrypts what it keeps (`adapters.mongodb`).
"""

from local_runtime.store.answers import EmbeddedAnswers
from local_runtime.store.database import Unusable
from local_runtime.store.history import EmbeddedHistory
from local_runtime.store.rate_limits import EmbeddedRateLimiter

__all__ = ["EmbeddedStore", "Unusable"]


class EmbeddedStore(EmbeddedAnswers, EmbeddedRateLimiter, EmbeddedHistory):
    """All ports of the store in one file."""
