"""Person: the normalised identity under which an answer is stored."""

from datetime import date
from typing import NamedTuple

# No normalised part can contain it: different persons have different identities.
_SEPARATOR = "\x1f"


class Person(NamedTuple):
    """One person with one document: all that the tax service's answer depends on.

    Names are case-folded (`names.fold_case`); `middle_name` is "" for none.
    """

    last_name: str
    first_name: str
    middle_name: str
    birth_date: date
    document_type: str
    document_serial: str
    document_number: str

    @property
    def identity(self) -> bytes:
        """All fields in their order as bytes, equal for equal persons only. Personal data: hash it before storing."""
        return _SEPARATOR.join(map(str, self)).encode()

    def __repr__(self) -> str:
        return "Person(...)"
