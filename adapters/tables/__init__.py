"""Tables of persons, CSV or XLSX: finds their headings, reads their rows as requests, and writes them with the answers.

- What a file is, its content says. It is read and written row by row, and not held in memory.
- The forms are those that people and spreadsheets write; what could be meant in two ways is refused, never guessed.
- A file that cannot be read raises `WrongTable`; a row that cannot be, ValueError.
"""


class WrongTable(Exception):
    """A file that is no table, or whose meaning is uncertain. The text says what to do, and has no personal data."""
