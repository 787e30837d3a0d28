import pytest

from function.history import HistoryQuery, person_fields
from function.request import LookupRequest, parse
from tests.doubles import NOW, body


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sort": "person"}, "sort must be one of time, status, provider"),
        ({"sort": "--time"}, "sort must be one of"),
        ({"limit": 0}, "limit must be 1 or more"),
        ({"skip": -1}, "skip 0 or more"),
    ],
    ids=["an unknown key", "two turns", "an empty page", "a page before the first"],
)
def test_a_page_that_cannot_be_is_refused(wrong: dict[str, str | int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        HistoryQuery(**wrong)  # type: ignore[arg-type]  # a table of all kinds


@pytest.mark.parametrize(
    ("sort", "key", "descending"), [("-time", "time", True), ("status", "status", False)], ids=["turned", "plain"]
)
def test_a_leading_dash_turns_the_order_round(sort: str, key: str, descending: bool) -> None:  # noqa: FBT001  # a table
    query = HistoryQuery(sort=sort)
    assert (query.sort_key, query.descending) == (key, descending)


def test_a_persons_fields_are_the_clients_without_the_request_and_what_is_empty() -> None:
    request = parse(body(middleName=None, birthPlace="", documentDate="2005-04-01"), NOW.date())
    assert isinstance(request, LookupRequest)
    assert person_fields(request) == {
        "lastName": "Иванов",
        "firstName": "Пётр",
        "birthDate": "1985-03-12",
        "documentType": "21",
        "documentSerial": "4509",
        "documentNumber": "123456",
        "documentDate": "2005-04-01",
    }
