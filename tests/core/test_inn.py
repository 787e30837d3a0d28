import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.ru import inn as oracle

from function import inn


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("123456789037", "the last digit is wrong"),
        ("500100732258", "the last digit is wrong"),
        ("125441241013", "both check digits are wrong"),
        ("000000000000", "no region has the code 00, though the sums are right"),
        ("7707083893", "ten digits are an organisation's"),
        ("50010073225a", "a letter"),
        ("５00100732259", "a digit that is not ASCII"),
        (" 500100732259", "a space"),
    ],
)
def test_a_wrong_number_is_not_valid(number: str, why: str) -> None:
    assert not inn.is_valid(number), why


@given(st.text("0123456789", min_size=12, max_size=12))
def test_any_twelve_digits_are_judged_as_python_stdnum_judges_them(number: str) -> None:
    assert inn.is_valid(number) == (oracle.is_valid(number) and not number.startswith("00"))


@given(st.text("0123456789", min_size=10, max_size=10))
def test_check_digits_are_those_of_python_stdnum(first_ten: str) -> None:
    number = inn.with_check_digits(first_ten)
    assert oracle.is_valid(number)
    assert inn.is_valid(number) != number.startswith("00")
