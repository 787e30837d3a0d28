from adapters.rabbitmq.topology import QueueNames, queues

NAMES = QueueNames("inn")
BY_NAME = queues(NAMES, retry_sec=0.25)


def test_these_are_all_queues_each_after_the_one_it_moves_messages_to() -> None:
    """Their arguments are those of deploy/rabbitmq/definitions.json: see tests/system/rabbitmq/test_rights.py."""
    assert set(BY_NAME) == NAMES.all
    order = list(BY_NAME)
    targets = {name: arguments.get("x-dead-letter-routing-key", name) for name, arguments in BY_NAME.items()}
    assert targets == {"inn": "inn.dead", "inn.lookup": "inn.dead", "inn.retry": "inn.lookup"} | {
        name: name for name in ("inn.dead", "inn.unrouted")
    }
    assert all(order.index(target) <= order.index(name) for name, target in targets.items())


def test_a_delay_of_a_fraction_is_whole_milliseconds() -> None:
    assert BY_NAME["inn.retry"]["x-message-ttl"] == 250
