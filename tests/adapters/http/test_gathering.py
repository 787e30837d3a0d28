import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing

from adapters.http.lookups import Gathering
from function.outcomes import Answer, Answered, Outcome
from function.person import Person
from tests.contracts.stores import request
from tests.doubles import Answers, World


class Damaged(Answers):
    """One person's answer cannot be read."""

    def find_many(self, persons: Sequence[Person]) -> Mapping[Person, Answer]:
        if request(3).person in persons:
            raise ZeroDivisionError
        return super().find_many(persons)


async def found_together(world: World, numbers: range) -> list[Outcome | BaseException]:
    with closing(Gathering(world.ports)) as gathering:
        finds = [gathering.find(request(number)) for number in numbers]
        return await asyncio.gather(*finds, return_exceptions=True)


def test_one_answer_that_cannot_be_read_spoils_no_other_request_of_its_round() -> None:
    world = World(Damaged())
    outcomes = asyncio.run(found_together(world, range(6)))
    assert [type(outcome).__name__ for outcome in outcomes].count("ZeroDivisionError") == 1
    assert isinstance(outcomes[3], ZeroDivisionError)


def test_those_who_ask_together_are_asked_for_in_one_trip() -> None:
    world = World()
    outcomes = asyncio.run(found_together(world, range(6)))
    assert world.answers.calls == ["find_many"]
    assert not any(isinstance(outcome, Answered) for outcome in outcomes)


async def found_as_they_are_read(world: World, numbers: range) -> None:
    """Each next one comes a turn of the loop later, as from sockets that are read one after the other."""
    with closing(Gathering(world.ports)) as gathering:
        finds = []
        for number in numbers:
            finds.append(asyncio.create_task(gathering.find(request(number))))
            await asyncio.sleep(0)
        await asyncio.gather(*finds)


def test_those_whose_bytes_are_here_already_go_with_the_first() -> None:
    world = World()
    asyncio.run(found_as_they_are_read(world, range(6)))
    assert world.answers.calls == ["find_many"]
