"""The error of this package."""


class WrongTable(Exception):
    """A file that is no table, or whose meaning is uncertain. The text says what to do, and has no personal data."""
