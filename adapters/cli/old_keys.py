"""`inn forget --old-keys`: erases what is kept under every key but the newest, as after one has leaked."""

from adapters.cli.kept import opened
from adapters.cli.meant import must_be_meant
from adapters.mongodb import UnderOldKeys
from function.history import Erasure


def erased(*, yes: bool) -> Erasure:
    """Erase it, once somebody at a terminal says that it is meant, or `yes` does. Raises Failure."""
    with opened() as store:
        # To count them takes long where they are many.
        if not yes:
            _meant(store.under_old_keys())
        return store.forget_old_keys()


def _meant(old: UnderOldKeys) -> None:
    much = f"{old.answers} answers and {old.history} rows of history that are kept under other keys than the newest"
    if not (old.answers or old.history):
        return
    must_be_meant(f"Erase {much}, whomever they are about?", nobody=f"say --yes to erase {much}")
