"""Grace periods stand in the right order: what blocks ends before the process does, and that before the kill."""

import pytest

from adapters.cli.serve import GRACE_SEC
from adapters.composition.function import FETCH_GRACE_SEC
from adapters.config.settings import NalogSettings
from adapters.rabbitmq.publisher import CONFIRM_SEC
from adapters.rabbitmq.slow_lane import DRAIN_SEC
from tests.deploy.manifests import PLACES, Process, template

STORE_CALLS = 4
"""Of one fetch: claim, permit, circuit, save."""
STORE_CALL_SEC = 4
"""Twice the time limit of a call, for it may wait for another."""
AFTER_THE_DRAIN_SEC = CONFIRM_SEC + 15
"""To hand back what is left, confirmed by a broker that may be slow, close the connections and send the last spans."""
AFTER_THE_FETCHES_SEC = 10
"""To give back the claims of what is left, close the connections and send the last spans."""


def longest_fetch(timeout: float) -> float:
    """Seconds that one fetch can block a thread: an exchange with each provider, and the store's calls around them."""
    return 2 * timeout + STORE_CALLS * STORE_CALL_SEC


def _killed(command: str, place: str) -> list[tuple[Process, float]]:
    """What runs this command there and has a grace period, with it."""
    found = [process for process in PLACES[place]() if process.command == command]
    return [(process, process.grace) for process in found if process.grace is not None]


@pytest.mark.parametrize("place", PLACES)
def test_a_process_ends_its_lookups_within_its_drain_and_that_before_the_kill(place: str) -> None:
    for function, grace in _killed("serve", place):
        ending = float(function.environment["APP_LOOKUP_DEADLINE_SEC"]) + GRACE_SEC + FETCH_GRACE_SEC
        assert longest_fetch(float(function.environment["CLIENT_NALOG_TIMEOUT_SEC"])) <= ending
        assert function.pause + ending + AFTER_THE_FETCHES_SEC < grace
    for consumer, grace in _killed("consume", place):
        assert longest_fetch(float(consumer.environment["CLIENT_NALOG_TIMEOUT_SEC"])) < DRAIN_SEC
        assert grace > DRAIN_SEC + AFTER_THE_DRAIN_SEC


def test_all_but_lambda_and_consumers_alone_have_a_function_with_a_grace_period() -> None:
    assert {place for place in PLACES if not _killed("serve", place)} == {"lambda", "consumer"}


def test_a_consumer_that_is_told_no_limit_ends_its_lookups_within_its_drain() -> None:
    assert longest_fetch(NalogSettings.model_fields["timeout_sec"].default) < DRAIN_SEC


def test_lambda_does_not_end_a_lookup_that_is_still_within_its_deadline() -> None:
    [function] = PLACES["lambda"]()
    assert template()["Resources"]["Function"]["Properties"]["Timeout"] > float(
        function.environment["APP_LOOKUP_DEADLINE_SEC"]
    )
