from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.runtime.shutdown import HeldClaims
from function.outcomes import Answer, Status
from function.ports import Claim, Unavailable
from tests.adapters.over_the_embedded_store import kept_over
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.stores import Kept, request
from tests.doubles import INN, NOW, Answers

ANSWER = Answer(Status.FOUND, INN, "nalog", NOW, None)


class TestHeldClaims(AnswerStoreContract):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Iterator[Kept]:
        with kept_over(lambda store, _clock: HeldClaims(store), tmp_path) as kept:
            yield kept


def claimed(held: HeldClaims, number: int) -> Claim:
    claim = held.claim(request(number).person)
    assert isinstance(claim, Claim)
    return claim


def test_at_the_end_what_is_held_is_given_back_and_nothing_else() -> None:
    store = Answers(down=frozenset({"save"}))
    held = HeldClaims(store)
    claimed(held, 1)
    held.release(claimed(held, 2))
    # Who owes the answer has the claim as well.
    with pytest.raises(Unavailable):
        held.save(claimed(held, 3), request(3), ANSWER)
    store.calls.clear()
    held.close()
    assert store.calls == ["release"]
    assert list(store.claims) == [request(3).person]


def test_a_store_that_is_away_at_the_end_is_told_nothing() -> None:
    store = Answers(down=frozenset({"release"}))
    held = HeldClaims(store)
    claimed(held, 1)
    claimed(held, 2)
    store.calls.clear()
    held.close()
    assert store.calls == ["release"]
