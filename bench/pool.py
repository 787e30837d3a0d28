"""Whom to ask for next: persons not met for long, or nine of ten met just before."""

from bench.people import body

SEEDED = 60_000
"""Persons with an answer: more than a process keeps in memory of those it has met."""
MET = 500


class Pool:
    """Requests for persons whose answer is kept. Each call goes on where the last one ended."""

    def __init__(self) -> None:
        self._next = MET

    def unmet(self, count: int) -> list[bytes]:
        """Requests for persons that nobody was asked for since SEEDED others were."""
        numbers = range(self._next, self._next + count)
        self._next = MET + (numbers.stop - MET) % (SEEDED - MET - count)
        return [body(number) for number in numbers]

    def mostly_met(self, count: int) -> list[bytes]:
        """Nine of ten are for the same few persons."""
        fresh = iter(self.unmet(count // 10 + 1))
        return [body(number % MET) if number % 10 else next(fresh) for number in range(count)]

    @staticmethod
    def met() -> list[bytes]:
        """Those few, once each."""
        return [body(number) for number in range(MET)]
