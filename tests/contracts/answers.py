"""What every implementation of a port promises, written once: a subclass only says how to get one."""

from datetime import timedelta

import pytest

from function.history_and_erasure import HistoryQuery
from function.outcomes import Answer, Status
from function.ports import Claim
from tests.contracts.stores import LEASE, TICKET_SEC, WAIT, StoreHarness, at_once, request


class AnswersContract:
    """What every AnswerStore promises, a fake included that knows no time."""

    def test_one_worker_claims_a_person_until_it_is_released_and_others_are_free(self, harness: StoreHarness) -> None:
        assert harness.store.find_many([request(1).person]) == {}
        claim = harness.claim(request(1))
        assert claim.ticket is None
        assert harness.is_claimed(request(1))
        harness.claim(request(2))
        harness.store.release(claim)
        assert harness.claim(request(1)).ticket is None

    @pytest.mark.parametrize("status", [Status.FOUND, Status.NOT_FOUND, Status.AMBIGUOUS])
    @pytest.mark.parametrize("lasts", [3600, None])
    def test_an_answer_comes_back_as_it_was_saved(
        self, harness: StoreHarness, status: Status, lasts: float | None
    ) -> None:
        answer = harness.answer(status, lasts=lasts)
        harness.save(request(), answer)
        for found in (harness.find(request().person), harness.store.find_or_claim(request().person)):
            assert found == answer
            assert isinstance(found, Answer)
            assert {time.utcoffset() for time in (found.fetched_at, found.expires_at) if time} == {timedelta(0)}

    def test_many_are_found_together_whoever_is_not_known_left_out(self, harness: StoreHarness) -> None:
        for number in (1, 3):
            harness.save(request(number), harness.answer(age=number))
        persons = [request(number).person for number in (1, 2, 3, 1)]
        assert harness.store.find_many(persons) == {
            persons[0]: harness.answer(age=1),
            persons[2]: harness.answer(age=3),
        }
        assert harness.store.find_many([]) == {}

    def test_whoever_claims_next_gets_the_ticket_that_was_kept_last_until_it_is_dropped(
        self, harness: StoreHarness
    ) -> None:
        for value in ("first", "second"):
            harness.pend(request(1), value)
        claim = harness.claim(request(1))
        assert claim.ticket == harness.ticket("second")
        assert harness.claim(request(2)).ticket is None
        harness.store.release(claim._replace(ticket=harness.ticket("third")))
        claim = harness.claim(request(1))
        assert claim.ticket == harness.ticket("third")
        harness.store.release(claim._replace(ticket=None))
        assert harness.claim(request(1)).ticket is None

    def test_a_pending_person_is_not_answered_and_the_answer_ends_it(self, harness: StoreHarness) -> None:
        harness.store.keep_ticket(harness.claim(request()), harness.ticket(), WAIT)
        assert harness.find(request().person) is None
        harness.later(WAIT + 1)
        harness.save(request(), harness.answer())
        assert harness.store.find_or_claim(request().person) == harness.answer()


class AnswerStoreContract(AnswersContract):
    """What every AnswerStore promises, for many threads and as time passes."""

    def test_an_answer_is_served_until_it_expires_and_one_saved_too_late_never(self, harness: StoreHarness) -> None:
        harness.save(request(1), harness.answer(lasts=100))
        harness.save(request(2), harness.answer(age=20, lasts=10))
        harness.later(50)
        assert harness.find(request(1).person) is not None
        harness.later(51)
        for number in (1, 2):
            assert harness.find(request(number).person) is None
            harness.claim(request(number))
            assert harness.find(request(number).person) is None
            assert harness.is_claimed(request(number))

    def test_a_claim_is_anybodys_once_its_lease_has_ended_and_a_renewed_one_lasts_for_another(
        self, harness: StoreHarness
    ) -> None:
        lost = harness.claim(request(3))
        claims = [harness.claim(request(number)) for number in (1, 2)]
        harness.later(LEASE - 5)
        assert harness.is_claimed(request(3))
        harness.store.renew(claims)
        harness.later(LEASE - 5)
        assert harness.claim(request(3)).token != lost.token
        assert [harness.is_claimed(request(number)) for number in (1, 2)] == [True, True]
        harness.later(6)
        assert harness.claim(request(1)).token != claims[0].token

    def test_a_lost_claim_cannot_be_renewed_or_released_and_keeps_no_ticket(self, harness: StoreHarness) -> None:
        lost, _ = harness.lose(request())
        harness.later(LEASE - 5)
        harness.store.renew([lost])
        harness.later(6)
        claim = harness.claim(request())
        harness.store.release(lost)
        harness.store.release(lost._replace(ticket=harness.ticket()))
        assert harness.is_claimed(request())
        harness.store.keep_ticket(lost, harness.ticket("lost"), WAIT)
        assert harness.is_claimed(request())
        harness.store.keep_ticket(claim, harness.ticket(), WAIT)
        harness.later(WAIT + 1)
        harness.store.keep_ticket(lost, harness.ticket("lost"), WAIT)
        assert harness.claim(request()).ticket == harness.ticket()

    def test_an_answer_under_a_lost_claim_is_kept_and_served_while_the_new_one_lasts(
        self, harness: StoreHarness
    ) -> None:
        lost, claim = harness.lose(request())
        harness.store.save(lost, request(), harness.answer())
        assert harness.find(request().person) == harness.answer()
        assert harness.store.find_or_claim(request().person) == harness.answer()
        harness.store.keep_ticket(claim, harness.ticket(), WAIT)
        harness.store.renew([claim])
        harness.store.release(claim)
        assert harness.find(request().person) == harness.answer()
        harness.later(3600)
        assert harness.claim(request()).ticket is None

    def test_a_pending_person_is_claimed_when_the_wait_is_over_and_not_before(self, harness: StoreHarness) -> None:
        claim = harness.claim(request())
        harness.store.keep_ticket(claim, harness.ticket(), WAIT)
        harness.store.renew([claim])  # what comes late is no claim of the one who waits
        harness.store.release(claim)
        harness.later(WAIT - 10)
        assert harness.is_claimed(request())
        harness.later(11)
        assert harness.claim(request()).ticket == harness.ticket()

    def test_a_ticket_outlives_workers_that_die_while_they_poll(self, harness: StoreHarness) -> None:
        harness.pend(request())
        for _ in range(2):
            claim = harness.claim(request())
            assert claim.ticket == harness.ticket()
            harness.store.renew([claim])
            assert harness.is_claimed(request())
            harness.later(LEASE + 1)

    def test_a_ticket_is_gone_once_the_answer_is_saved_or_it_has_expired(self, harness: StoreHarness) -> None:
        harness.pend(request(1))
        harness.save(request(1), harness.answer(lasts=WAIT + 10))
        harness.later(WAIT + 10)
        assert harness.claim(request(1)).ticket is None
        harness.pend(request(2))
        harness.later(TICKET_SEC - WAIT)
        assert harness.claim(request(2)).ticket is None

    def test_a_claim_whose_lease_has_ended_keeps_its_ticket_where_nobody_came_since(
        self, harness: StoreHarness
    ) -> None:
        claim = harness.claim(request())
        harness.later(LEASE + 1)
        harness.store.keep_ticket(claim, harness.ticket(), WAIT)
        assert harness.is_claimed(request())
        harness.later(WAIT + 1)
        assert harness.claim(request()).ticket == harness.ticket()

    def test_saving_again_changes_nothing_even_when_another_answer_came_between(self, harness: StoreHarness) -> None:
        older, newer = harness.answer(Status.NOT_FOUND, age=9), harness.answer()
        claim = harness.claim(request())
        for answer in (older, older, newer, older):
            harness.store.save(claim, request(), answer)
        assert harness.find(request().person) == newer
        assert [row.status for row in harness.store.history(HistoryQuery())] == [Status.FOUND]

    def test_a_new_answer_takes_the_place_of_an_expired_one_and_without_expiry_stays(
        self, harness: StoreHarness
    ) -> None:
        harness.save(request(), harness.answer(Status.NOT_FOUND, age=20, lasts=10))
        harness.save(request(), harness.answer(lasts=None))
        harness.later(10 * 365 * 86400)
        found = harness.find(request().person)
        assert found is not None
        assert (found.status, found.expires_at) == (Status.FOUND, None)

    def test_of_many_workers_one_gets_the_claim_and_its_ticket(self, harness: StoreHarness) -> None:
        harness.pend(request())
        claims = at_once(lambda _: harness.store.find_or_claim(request().person), 48)
        [claim] = [claim for claim in claims if claim is not None]
        assert isinstance(claim, Claim)
        assert claim.ticket == harness.ticket()

    def test_many_workers_save_side_by_side(self, harness: StoreHarness) -> None:
        def work(number: int) -> Answer | None:
            harness.store.keep_ticket(harness.claim(request(number)), harness.ticket(), 0)
            harness.save(request(number), harness.answer(age=number))
            return harness.find(request(number).person)

        assert at_once(work, 40) == [harness.answer(age=number) for number in range(40)]
        assert len(harness.store.history(HistoryQuery(limit=100))) == 40
