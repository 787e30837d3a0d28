"""Where the network policies lead, beside where the settings want to go."""

from collections.abc import Sequence

from tests.deploy.manifests import Object, of_kind, processes

Destination = tuple[str, int]
SERVERS = {"serve": ("MONGO",), "consume": ("MONGO", "RABBITMQ")}
"""The servers that each process connects to, by the prefix of their settings."""


def destinations(objects: Sequence[Object], component: str) -> set[Destination]:
    """The namespaces, or networks, and ports that the policies of a component let it connect to."""
    return {
        (_peer(peer), port["port"])
        for policy in of_kind(objects, "NetworkPolicy").values()
        if policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component") in (None, component)
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        for port in rule["ports"]
    }


def _peer(peer: Object) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    return str(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])


def unreachable_servers(objects: Sequence[Object]) -> set[Destination]:
    """The servers that the settings name, by names within the cluster, and that no policy leads to."""
    return {
        wanted
        for process in processes(objects)
        for server in SERVERS[process.command]
        if f"{server}_DSN" not in process.environment
        for host in process.environment[f"{server}_HOST"].split(",")
        if (wanted := (_namespace(host), int(process.environment[f"{server}_PORT"])))
        not in destinations(objects, {"serve": "function", "consume": "consumer"}[process.command])
    }


def _namespace(host: str) -> str:
    name, _, _ = host.partition(".svc")
    return name.rpartition(".")[2]
