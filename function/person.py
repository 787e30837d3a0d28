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
        """All fields as bytes, equal for equal persons only. Personal data: hash it before storing."""
        names = self.last_name, self.first_name, self.middle_name
        document = self.document_type, self.document_serial, self.document_number
        return _SEPARATOR.join((*names, self.birth_date.isoformat(), *document)).encode()

    def __repr__(self) -> str:
        return "Person(...)"
