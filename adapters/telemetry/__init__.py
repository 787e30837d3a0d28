"""The service's logs, metrics and traces, none of which ever holds personal data."""

from adapters.telemetry.observer import Telemetry, start
from adapters.telemetry.timed import timed

__all__ = ["Telemetry", "start", "timed"]
