import pytest

from adapters.rabbitmq.topology import DELIVERY_LIMIT, UNLIMITED, Names, queues

NAMES = Names("inn")
BY_NAME = queues(NAMES, retry_sec=60)


def moving(to: str, **more: int) -> dict[str, str | int]:
    """The arguments of a queue from which messages move on, none is lost, and none is dropped."""
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": to,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    } | {f"x-{name.replace('_', '-')}": value for name, value in more.items()}


@pytest.mark.parametrize(
    ("queue", "arguments"),
    [
        ("inn", moving("inn.dead", delivery_limit=DELIVERY_LIMIT)),
        ("inn.lookup", moving("inn.dead", delivery_limit=DELIVERY_LIMIT)),
        ("inn.retry", moving("inn.lookup", delivery_limit=UNLIMITED, message_ttl=60000)),
        ("inn.dead", {"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED}),
        ("inn.unrouted", {"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED}),
    ],
)
def test_each_queue_and_its_arguments(queue: str, arguments: dict[str, str | int]) -> None:
    assert BY_NAME[queue] == arguments


def test_these_are_all_queues() -> None:
    assert set(BY_NAME) == NAMES.all


def test_a_queue_is_declared_after_the_one_it_moves_messages_to() -> None:
    order = list(BY_NAME)
    for name, arguments in BY_NAME.items():
        target = arguments.get("x-dead-letter-routing-key", order[0])
        assert order.index(str(target)) <= order.index(name)


def test_a_delay_of_a_fraction_is_whole_milliseconds() -> None:
    assert queues(NAMES, 0.25)["inn.retry"]["x-message-ttl"] == 250
