"""Where the network policies lead, beside where the settings want to go."""

from collections.abc import Sequence

from tests.deploy.manifests import Object, of_kind, processes

Door = tuple[str, int]
SERVERS = {
    "inn-mongodb": ("MONGO_HOST", "MONGO_PORT"),
    "inn-rabbitmq": ("RABBITMQ_HOST", "RABBITMQ_PORT"),
}
"""The settings of the server that each policy leads to."""


def doors(policy: Object) -> set[Door]:
    """The namespaces, or networks, and ports that it lets through."""
    return {
        (_peer(peer), port["port"])
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        for port in rule["ports"]
    }


def _peer(peer: Object) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    return str(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])


def settings_in(objects: Sequence[Object]) -> dict[str, str]:
    """What the ConfigMaps set."""
    return {name: value for one in of_kind(objects, "ConfigMap").values() for name, value in one["data"].items()}


def assert_leads_to_the_servers(objects: Sequence[Object]) -> None:
    """Every host of the settings, by its name in the cluster, is where a policy leads, on the port of the settings."""
    settings, policies = settings_in(objects), of_kind(objects, "NetworkPolicy")
    for policy, (host, port) in SERVERS.items():
        wanted = {(_namespace(name), int(settings[port])) for name in settings[host].split(",")}
        assert wanted <= doors(policies[policy]), host


def _namespace(host: str) -> str:
    name, _, _ = host.partition(".svc")
    return name.rpartition(".")[2]


def assert_keda_counts_what_is_consumed(objects: Sequence[Object]) -> None:
    """The queue of the settings, where the settings say that it is."""
    [scaled] = of_kind(objects, "ScaledObject").values()
    [trigger] = scaled["spec"]["triggers"]
    [given] = [process.environment for process in processes(objects) if process.command == "consume"]
    assert trigger["metadata"]["queueName"] == given["RABBITMQ_SOURCE_QUEUE_NAME"]
    assert trigger["metadata"]["vhostName"] == given["RABBITMQ_VHOST"]
    assert trigger["metadata"]["host"] == f"amqp://{given['RABBITMQ_HOST']}:{given['RABBITMQ_PORT']}/"
