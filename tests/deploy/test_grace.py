"""Grace periods stand in the right order: what blocks ends before the process does, and that before the kill."""

from pathlib import Path

import pytest
from adapters.composition.asking import Asking

from adapters.cli.serve import GRACE_SEC
from adapters.composition.consumer import PATIENCE_SEC
from adapters.composition.function import FETCHES_SEC
from adapters.config.settings import ApiFnsSettings, NalogSettings, load
from adapters.rabbitmq.publisher import CONFIRM_SEC
from adapters.rabbitmq.slow_lane import DRAIN_SEC
from tests.deploy.manifests import PLACES, Process, template

AFTER_THE_DRAIN_SEC = CONFIRM_SEC + 15
"""To hand back what is left, confirmed by a broker that may be slow, close the connections and send the last spans."""
AFTER_THE_FETCHES_SEC = 10
"""To give back the claims of what is left, close the connections and send the last spans."""


def _places_of(command: str) -> list[str]:
    """Where this process has a grace period."""
    return [
        place
        for place, processes in PLACES.items()
        if any(process.command == command and process.grace is not None for process in processes())
    ]


@pytest.fixture
def longest_lookup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Longest":
    monkeypatch.chdir(tmp_path)
    return Longest(monkeypatch)


class Longest:
    """Seconds that one lookup of a process can block a thread: the paid provider switched on, the store included."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def of(self, process: Process, patience: float) -> float:
        self._monkeypatch.setenv("CLIENT_NALOG_TIMEOUT_SEC", process.environment["CLIENT_NALOG_TIMEOUT_SEC"])
        return self.as_set(patience)

    def as_set(self, patience: float) -> float:
        self._monkeypatch.setenv("CLIENT_NALOG_URL", "https://service.example")
        paid = load(ApiFnsSettings, enabled="true", url="https://paid.example", key="key")
        return Asking(load(NalogSettings), paid, patience).lease


@pytest.mark.parametrize("place", _places_of("serve"))
def test_the_function_ends_its_requests_and_fetches_before_the_kill(place: str, longest_lookup: Longest) -> None:
    [function] = [process for process in PLACES[place]() if process.command == "serve"]
    assert function.grace is not None
    deadline = float(function.environment["APP_LOOKUP_DEADLINE_SEC"])
    ending = deadline + GRACE_SEC + FETCHES_SEC
    assert longest_lookup.of(function, patience=deadline / 2) <= ending
    assert function.pause + ending + AFTER_THE_FETCHES_SEC < function.grace


@pytest.mark.parametrize("place", _places_of("consume"))
def test_the_consumer_ends_its_lookups_within_its_drain_and_that_before_the_kill(
    place: str, longest_lookup: Longest
) -> None:
    [consumer] = [process for process in PLACES[place]() if process.command == "consume"]
    assert consumer.grace is not None
    assert longest_lookup.of(consumer, PATIENCE_SEC) < DRAIN_SEC
    assert consumer.grace > DRAIN_SEC + AFTER_THE_DRAIN_SEC


def test_a_consumer_that_is_told_no_limit_ends_its_lookups_within_its_drain(
    longest_lookup: Longest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLIENT_NALOG_TIMEOUT_SEC", raising=False)
    assert longest_lookup.as_set(PATIENCE_SEC) < DRAIN_SEC


def test_lambda_does_not_end_a_lookup_that_is_still_within_its_deadline() -> None:
    [function] = PLACES["lambda"]()
    assert template()["Resources"]["Function"]["Properties"]["Timeout"] > float(
        function.environment["APP_LOOKUP_DEADLINE_SEC"]
    )
