from datetime import timedelta
from typing import Any

import pytest

from function.history_and_erasure import SORT_KEYS, Erasure, HistoryQuery
from function.outcomes import Status
from tests.contracts.stores import StoreHarness, request
from tests.doubles import INN, PERSON, numbered

STATUSES = (Status.FOUND, Status.NOT_FOUND, Status.AMBIGUOUS)


class HistoryContract:
    """What every HistoryStore promises."""

    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            (HistoryQuery(), ["r-0", "r-1", "r-2", "r-3", "r-4", "r-5"]),
            (HistoryQuery(limit=2), ["r-0", "r-1"]),
            (HistoryQuery(limit=2, skip=2), ["r-2", "r-3"]),
            (HistoryQuery(skip=6), []),
            (HistoryQuery(sort="time", limit=2), ["r-5", "r-4"]),
            (HistoryQuery(sort="status"), ["r-5", "r-2", "r-3", "r-0", "r-4", "r-1"]),
            (HistoryQuery(sort="-status"), ["r-1", "r-4", "r-0", "r-3", "r-2", "r-5"]),
            (HistoryQuery(status=Status.FOUND, sort="time"), ["r-3", "r-0"]),
            (HistoryQuery(status=Status.FAILED), []),
        ],
        ids=repr,
    )
    def test_pages_are_sorted_and_filtered(self, harness: StoreHarness, query: HistoryQuery, ids: list[str]) -> None:
        self.six_lookups(harness)
        assert self.ids(harness, query) == ids

    def test_a_span_of_time_holds_its_beginning_and_not_its_end(self, harness: StoreHarness) -> None:
        self.six_lookups(harness)
        began, ended = (harness.started - timedelta(minutes=minutes) for minutes in (4, 2))
        assert self.ids(harness, HistoryQuery(since=began, until=ended)) == ["r-3", "r-4"]
        assert self.ids(harness, HistoryQuery(since=ended)) == ["r-0", "r-1", "r-2"]
        assert self.ids(harness, HistoryQuery(until=began)) == ["r-5"]

    @pytest.mark.parametrize("key", [way + key for key in SORT_KEYS for way in ("", "-")])
    def test_pages_in_any_order_hold_every_row_once(self, harness: StoreHarness, key: str) -> None:
        self.six_lookups(harness)
        pages = [self.ids(harness, HistoryQuery(sort=key, limit=2, skip=skip)) for skip in (0, 2, 4)]
        assert sorted(row for page in pages for row in page) == [f"r-{number}" for number in range(6)]

    def test_a_person_is_shown_as_the_client_wrote_them_where_that_is_asked_for(self, harness: StoreHarness) -> None:
        changes: dict[str, Any] = {"birthPlace": "с. Небылое", "documentDate": "2005-04-01"}
        harness.save(request(**changes), harness.answer())
        [hidden], [row] = harness.store.history(HistoryQuery()), harness.store.history(HistoryQuery(), reveal=True)
        assert hidden == row._replace(person=None, inn=None)
        assert (row.request_id, row.time, row.status, row.provider) == ("r-1", harness.started, Status.FOUND, "nalog")
        assert row.inn == INN
        harness.save(request(2, middleName=""), harness.answer(Status.NOT_FOUND, age=1))
        _, nobody = harness.store.history(HistoryQuery(), reveal=True)
        assert nobody.inn == ""
        assert "middleName" not in (nobody.person or {"middleName"})
        assert {"requestId": "r-1", **(row.person or {})} == {**PERSON, **numbered(1), **changes, "documentType": "21"}

    def test_a_forgotten_person_leaves_no_answer_and_no_history_and_others_stay(self, harness: StoreHarness) -> None:
        for number in (1, 2, 3):
            harness.save(request(number), harness.answer(age=60, lasts=50))
        for number in (1, 2):
            harness.save(request(number, requestId=f"r-{number}-again"), harness.answer())
        erasure = harness.store.forget(request(1).person)
        assert (erasure.answers, erasure.history) == (1, 2)
        assert harness.store.forget(request(3).person).answers == 1, "an expired answer is forgotten too"
        assert harness.find(request(1).person) is None
        assert harness.find(request(2).person) is not None
        assert sorted(self.ids(harness, HistoryQuery())) == ["r-2", "r-2-again"]

    def test_forgetting_a_person_erases_the_ticket_and_no_others_and_leaves_a_fetch_under_way_its_claim(
        self, harness: StoreHarness
    ) -> None:
        claims = [harness.claim(request(number)) for number in (1, 2, 3)]
        for claim in claims[:2]:
            harness.store.keep_ticket(claim, harness.ticket(), 20)
        for number in (1, 3):
            erasure = harness.store.forget(request(number).person)
            assert (erasure.answers, erasure.history) == (0, 0)
        assert harness.is_claimed(request(3))
        harness.store.save(claims[2], request(3), harness.answer())
        assert harness.find(request(3).person) == harness.answer()
        harness.later(21)
        assert [harness.claim(request(number)).ticket for number in (1, 2)] == [None, harness.ticket()]

    def test_an_erasure_is_known_by_its_time(self, harness: StoreHarness) -> None:
        assert not harness.store.erased_since(harness.started)
        first, second = (harness.store.forget(request().person) for _ in range(2))
        assert first == Erasure(0, 0, first.record_id), "a person whom nobody knows"
        assert first.record_id not in ("", second.record_id)
        assert harness.store.erased_since(harness.started)
        assert not harness.store.erased_since(harness.started + timedelta(seconds=3600))

    def six_lookups(self, harness: StoreHarness) -> None:
        """r-0 was now, r-5 five minutes ago; their statuses take turns."""
        for number in (3, 0, 5, 1, 4, 2):
            harness.save(request(number), harness.answer(STATUSES[number % 3], age=60 * number))

    def ids(self, harness: StoreHarness, query: HistoryQuery) -> list[str]:
        return [row.request_id for row in harness.store.history(query)]
