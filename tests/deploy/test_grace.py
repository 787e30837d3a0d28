"""Grace periods stand in the right order: what blocks ends before the process does, and that before the kill."""

import pytest

from adapters.cli.serve import GRACE_SEC
from adapters.composition.function import FETCH_GRACE_SEC
from adapters.config.settings import NalogSettings
from adapters.rabbitmq.lanes import DRAIN_SEC
from adapters.rabbitmq.publisher import CONFIRM_SEC
from tests.deploy.manifests import PLACES, template

STORE_CALLS = 4
"""Of one fetch: claim, permit, circuit, save."""
STORE_CALL_SEC = 4
"""Twice the time limit of a call, for it may wait for another."""
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


def longest_fetch(timeout: float) -> float:
    """Seconds that one fetch can block a thread: an exchange with each provider, and the store's calls around them."""
    return 2 * timeout + STORE_CALLS * STORE_CALL_SEC


@pytest.mark.parametrize("place", _places_of("serve"))
def test_the_function_ends_its_requests_and_fetches_before_the_kill(place: str) -> None:
    [function] = [process for process in PLACES[place]() if process.command == "serve"]
    assert function.grace is not None
    ending = float(function.environment["APP_LOOKUP_DEADLINE_SEC"]) + GRACE_SEC + FETCH_GRACE_SEC
    assert longest_fetch(float(function.environment["CLIENT_NALOG_TIMEOUT_SEC"])) <= ending
    assert function.pause + ending + AFTER_THE_FETCHES_SEC < function.grace


@pytest.mark.parametrize("place", _places_of("consume"))
def test_the_consumer_ends_its_lookups_within_its_drain_and_that_before_the_kill(place: str) -> None:
    [consumer] = [process for process in PLACES[place]() if process.command == "consume"]
    assert consumer.grace is not None
    assert longest_fetch(float(consumer.environment["CLIENT_NALOG_TIMEOUT_SEC"])) < DRAIN_SEC
    assert consumer.grace > DRAIN_SEC + AFTER_THE_DRAIN_SEC


def test_a_consumer_that_is_told_no_limit_ends_its_lookups_within_its_drain() -> None:
    assert longest_fetch(NalogSettings.model_fields["timeout_sec"].default) < DRAIN_SEC


def test_lambda_does_not_end_a_lookup_that_is_still_within_its_deadline() -> None:
    [function] = PLACES["lambda"]()
    assert template()["Resources"]["Function"]["Properties"]["Timeout"] > float(
        function.environment["APP_LOOKUP_DEADLINE_SEC"]
    )
