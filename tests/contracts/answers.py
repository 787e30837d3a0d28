from datetime import timedelta

import pytest

from function.history import HistoryQuery
from function.outcomes import Answer, Status
from function.ports import Claim
from tests.contracts.stores import LEASE, Kept, at_once, request

ANSWERS = pytest.mark.parametrize("status", [Status.FOUND, Status.NOT_FOUND, Status.AMBIGUOUS])


class AnswerStoreContract:
    """What every AnswerStore promises."""

    def test_at_first_nobody_is_known(self, kept: Kept) -> None:
        assert kept.store.find(request().person) is None
        assert kept.store.find_many([request().person]) == {}

    @ANSWERS
    @pytest.mark.parametrize("lasts", [3600, None])
    def test_an_answer_comes_back_as_it_was_saved(self, kept: Kept, status: Status, lasts: float | None) -> None:
        answer = kept.answer(status, lasts=lasts)
        kept.save(request(), answer)
        assert kept.store.find(request().person) == answer
        assert kept.store.find_many([request().person]) == {request().person: answer}

    def test_every_spelling_of_a_person_finds_the_answer_and_no_other_person_does(self, kept: Kept) -> None:
        kept.save(request(1, lastName="Артёмов-Сидоров"), kept.answer())
        assert kept.store.find(request(1, lastName="АРТЕМОВ–СИДОРОВ").person) == kept.answer()
        assert kept.store.find(request(1, lastName="Артёмов").person) is None
        assert kept.store.find(request(2, lastName="Артёмов-Сидоров").person) is None

    def test_many_are_found_together_whoever_is_not_known_left_out(self, kept: Kept) -> None:
        for number in (1, 3):
            kept.save(request(number), kept.answer(age=number))
        persons = [request(number).person for number in (1, 2, 3, 1)]
        assert kept.store.find_many(persons) == {persons[0]: kept.answer(age=1), persons[2]: kept.answer(age=3)}
        assert kept.store.find_many([]) == {}

    def test_an_answer_saved_too_late_is_never_served(self, kept: Kept) -> None:
        kept.save(request(), kept.answer(age=20, lasts=10))
        self.nobody_is_known(kept)

    def test_an_answer_is_served_until_it_expires(self, kept: Kept) -> None:
        kept.save(request(), kept.answer(lasts=100))
        kept.later(50)
        assert kept.store.find(request().person) is not None
        kept.later(51)
        self.nobody_is_known(kept)

    def nobody_is_known(self, kept: Kept) -> None:
        assert kept.store.find(request().person) is None
        assert kept.store.find_many([request().person]) == {}
        assert isinstance(kept.store.claim(request().person), Claim)
        assert kept.store.find(request().person) is None

    def test_an_answer_without_expiry_stays(self, kept: Kept) -> None:
        kept.save(request(), kept.answer(lasts=None))
        kept.later(10 * 365 * 86400)
        assert kept.store.find(request().person) is not None

    def test_one_worker_holds_a_person_others_hold_theirs(self, kept: Kept) -> None:
        kept.claimed(request(1))
        assert kept.store.claim(request(1).person) is None
        kept.claimed(request(2))

    def test_a_claim_comes_too_late_where_the_answer_is_there(self, kept: Kept) -> None:
        kept.save(request(), kept.answer())
        assert kept.store.claim(request().person) == kept.answer()

    def test_a_claim_given_back_is_free(self, kept: Kept) -> None:
        kept.store.release(kept.claimed(request()))
        kept.claimed(request())

    def test_a_claim_is_anybodys_once_its_lease_has_ended(self, kept: Kept) -> None:
        lost = kept.claimed(request())
        kept.later(LEASE - 5)
        assert kept.store.claim(request().person) is None
        kept.later(6)
        assert kept.claimed(request()).token != lost.token

    def test_who_has_lost_a_claim_cannot_give_it_back(self, kept: Kept) -> None:
        lost = kept.claimed(request())
        kept.later(LEASE + 1)
        kept.claimed(request())
        kept.store.release(lost)
        assert kept.store.claim(request().person) is None

    def test_an_answer_under_a_lost_claim_is_kept_and_served_while_the_new_one_lasts(self, kept: Kept) -> None:
        lost = kept.claimed(request())
        kept.later(LEASE + 1)
        held = kept.claimed(request())
        kept.store.save(lost, request(), kept.answer())
        assert kept.store.find(request().person) == kept.answer()
        assert kept.store.claim(request().person) == kept.answer()
        kept.store.release(held)
        assert kept.store.find(request().person) == kept.answer()

    def test_saving_ends_the_claim(self, kept: Kept) -> None:
        kept.save(request(), kept.answer(lasts=10))
        kept.later(11)
        kept.claimed(request())

    def test_saving_twice_is_saving_once(self, kept: Kept) -> None:
        claim = kept.claimed(request())
        for _ in range(2):
            kept.store.save(claim, request(), kept.answer())
        assert kept.store.find(request().person) == kept.answer()
        assert len(kept.store.history(HistoryQuery())) == 1

    def test_saving_twice_changes_nothing_even_when_another_answer_came_between(self, kept: Kept) -> None:
        older, newer = kept.answer(Status.NOT_FOUND, age=9), kept.answer()
        claim = kept.claimed(request())
        for answer in (older, newer, older):
            kept.store.save(claim, request(), answer)
        assert kept.store.find(request().person) == newer
        assert [row.status for row in kept.store.history(HistoryQuery())] == [Status.FOUND]

    def test_a_new_answer_takes_the_place_of_an_expired_one(self, kept: Kept) -> None:
        kept.save(request(), kept.answer(Status.NOT_FOUND, age=20, lasts=10))
        kept.save(request(), kept.answer(lasts=None))
        kept.later(3600)
        found = kept.store.find(request().person)
        assert found is not None
        assert (found.status, found.expires_at) == (Status.FOUND, None)

    def test_an_expired_answer_is_not_served_again_under_the_claim_that_replaces_it(self, kept: Kept) -> None:
        kept.save(request(), kept.answer(age=20, lasts=10))
        kept.claimed(request())
        assert kept.store.find(request().person) is None
        assert kept.store.claim(request().person) is None

    def test_of_many_workers_one_gets_the_claim(self, kept: Kept) -> None:
        claims = at_once(lambda _: kept.store.claim(request().person), 48)
        assert len([claim for claim in claims if claim is not None]) == 1

    def test_many_workers_save_side_by_side(self, kept: Kept) -> None:
        def work(number: int) -> Answer | None:
            kept.save(request(number), kept.answer(age=number))
            return kept.store.find(request(number).person)

        assert at_once(work, 40) == [kept.answer(age=number) for number in range(40)]
        assert len(kept.store.history(HistoryQuery(limit=100))) == 40

    def test_an_answers_times_are_in_utc(self, kept: Kept) -> None:
        kept.save(request(), kept.answer())
        found = kept.store.find(request().person)
        assert found is not None
        assert found.expires_at is not None
        assert found.fetched_at.utcoffset() == found.expires_at.utcoffset() == timedelta(0)
