"""Messages as they come and go: a delivery, and what is to be published."""

from collections.abc import Mapping
from dataclasses import dataclass

from pamqp.commands import Basic

Properties = Basic.Properties

PERSISTENT = 2
SHORT_STRING_BYTES = 255
"""What AMQP takes as the name of a queue or as a correlation id."""
DIRECT_REPLY = "amq.rabbitmq.reply-to"
"""The pseudo-queue of direct reply-to. A client's own one has a dot and a token behind it."""

SUSPECT = 2
"""Deaths of consumers after which a message is handled alone."""


@dataclass(slots=True, eq=False)
class Delivery:
    """One message as the broker gave it. `arrived`: seconds on the monotonic clock."""

    tag: int
    properties: Properties
    body: bytes
    arrived: float

    @property
    def headers(self) -> Mapping[str, object]:
        """Its headers; none is an empty mapping."""
        return self.properties.headers or {}

    @property
    def returns(self) -> int:
        """How often it came back from a consumer that died with it in hand."""
        count = self.headers.get("x-delivery-count", 0)
        return count if isinstance(count, int) else 0

    @property
    def reply_to(self) -> str:
        """The queue of its sender; "" where it wants no reply."""
        return self.properties.reply_to or ""


@dataclass(slots=True)
class Message:
    """One to publish through the default exchange. `moved`: why it goes to a queue of ours; None: it is a reply."""

    queue: str
    properties: Properties
    body: bytes
    moved: str | None = None
