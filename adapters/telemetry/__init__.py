"""Logs, metrics and traces, without personal data."""

from adapters.telemetry.observer import Telemetry, start

__all__ = ["Telemetry", "start"]
