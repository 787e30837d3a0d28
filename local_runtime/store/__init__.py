"""The embedded store: one SQLite file for any number of threads and processes, with the guarantees of MongoDB's store.

It stores the invented people of the local runtime, in plain text. For real persons use the encrypted store,
`adapters.mongodb`.
"""

from local_runtime.store.answer_store import EmbeddedAnswerStore
from local_runtime.store.database import StoreUnusable
from local_runtime.store.history_and_erasure import EmbeddedHistory
from local_runtime.store.provider_states import EmbeddedRateLimiter

__all__ = ["EmbeddedStore", "StoreUnusable"]


class EmbeddedStore(EmbeddedAnswerStore, EmbeddedRateLimiter, EmbeddedHistory):
    """All ports of the store in one file."""
