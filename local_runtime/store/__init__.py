"""The embedded store: one SQLite file that any number of threads and processes share, with MongoDB's promises.

It keeps the invented people of the local runtime, in plain text. Real persons belong in the store
that seals what it keeps (`adapters.mongodb`).
"""

from local_runtime.store.answers import EmbeddedAnswers
from local_runtime.store.archive import EmbeddedArchive
from local_runtime.store.book import EmbeddedBook
from local_runtime.store.file import Unusable

__all__ = ["EmbeddedStore", "Unusable"]


class EmbeddedStore(EmbeddedAnswers, EmbeddedBook, EmbeddedArchive):
    """An AnswerStore, a ProviderBook and an Archive in one file."""
