"""What is kept under certain keys, as spans of ids: every id begins with the name of its key."""

from collections.abc import Sequence

from bson import MaxKey

from adapters.mongodb import indexes
from adapters.mongodb.connection import Document


def beside(names: Sequence[bytes]) -> tuple[Document, Document]:
    """Which answers, and which rows of history, are under other keys than those of these names."""
    # In BSON the shorter of two binaries is the smaller, so bounds have the length of what they bound.
    rest = indexes.ID_BYTES - len(names[0])
    ours = sorted(set(names))
    above = [None, *(name + b"\xff" * rest for name in ours)]
    below = [*(name + b"\x00" * rest for name in ours), None]
    spans = list(zip(above, below, strict=True))
    answers = [_between(last, first) for last, first in spans]
    rows = [
        _between(last and {"person": last, "request": MaxKey()}, first and {"person": first}) for last, first in spans
    ]
    return {"$or": answers}, {"$or": rows}


def _between(last: object, first: object) -> Document:
    """Ids behind the one and before the other; None: that side is open."""
    bounds = {"$gt": last, "$lt": first}
    return {"_id": {sign: bound for sign, bound in bounds.items() if bound is not None}}
