"""Validates a person's INN: twelve digits, of which the last two are check digits (fns-protocol.md, 6)."""

from operator import mul

LENGTH = 12  # digits of a person's INN (an organisation's has 10)

_WEIGHTS_11 = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_WEIGHTS_12 = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_DIGITS = frozenset("0123456789")


def is_valid(inn: str) -> bool:
    """Whether `inn` is a person's INN: 12 ASCII digits, of a region, with both check digits right."""
    if len(inn) != LENGTH or not _DIGITS.issuperset(inn):
        return False
    # Twelve zeros pass the sums; no region has the code 00.
    return not inn.startswith("00") and inn == with_check_digits(inn[:10])


def with_check_digits(first_ten: str) -> str:
    """The INN that begins with these ten digits."""
    digits = first_ten
    for weights in _WEIGHTS_11, _WEIGHTS_12:
        digits += str(sum(map(mul, map(int, digits), weights)) % 11 % 10)
    return digits
