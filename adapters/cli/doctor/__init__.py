"""`inn doctor`: checks the settings and each server, a line each, and says what to correct.

Indexes and queues that are missing are created, as a start would: whether that works is part of the check. The tax
service gets one request for its form's page, without personal data.
"""

from collections.abc import Mapping
from typing import Any, Literal

Finding = tuple[Literal["ok", "note", "skipped", "wrong", "failed"], str, str]
"""One line: the result, what was checked, and the cause and remedy, without secrets.

note: it works, with a remark; skipped: not checked, because of another fault or an option; wrong: a setting; failed: a
connection, or the server at its other end.
"""
Settings = Mapping[type, Any]
"""The groups of settings that are valid, by their class."""
