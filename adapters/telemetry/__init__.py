"""The service's logs, metrics and traces, none of which ever holds personal data."""

from adapters.telemetry.observer import Telemetry, start

__all__ = ["Telemetry", "start"]
