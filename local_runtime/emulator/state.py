"""A request to the emulated services, and what they keep between requests. For one event loop only."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from local_runtime.emulator.control_settings import NORMAL, EmulatorSettings
from local_runtime.emulator.fault_rules import NO_RULE, Rule
from local_runtime.emulator.http_replies import HttpReply
from local_runtime.emulator.register import PersonEntry
from local_runtime.emulator.stats import Stats, Step

MAX_TOKENS = 100_000  # requestIds, and cookies of each name, that are kept; the oldest are dropped first

_CAPTCHA_SETTINGS = frozenset({"captcha", "captcha_after", "captcha_for", "scenario"})
_Value = TypeVar("_Value")


@dataclass(slots=True)
class PendingResult:
    """The result of a requestId: pending for its first `pending` polls, and until `ready_at` (monotonic clock)."""

    entry: PersonEntry
    pending: int
    ready_at: float
    polls: int = 0


@dataclass(slots=True)
class CountedRule:
    """A rule, how many requests it has matched (`seen`), and to how many it was applied (`fired`)."""

    rule: Rule
    seen: int = 0
    fired: int = 0

    def takes(self, key: str, poll: int) -> bool:
        """Count a request, the `poll`-th get of its requestId. Returns whether the rule applies to it."""
        rule = self.rule
        if rule.person not in (None, key) or rule.poll not in (None, poll):
            return False
        self.seen += 1
        if self.seen <= rule.after or (rule.times is not None and self.fired >= rule.times):
            return False
        self.fired += 1
        return True


class EmulatorState:
    """The settings in force, the rules with their counts, requestIds, cookies, and the counts of requests."""

    def __init__(self, initial: EmulatorSettings) -> None:
        self._initial = initial
        self.stats = Stats()
        self.reset()

    def reset(self) -> None:
        """Return to the initial settings; forget requestIds and cookies. The counts of requests stay."""
        self.settings = self._initial
        self.results: dict[str, PendingResult] = {}
        self.forget_cookies()
        self.change(self._initial, frozenset(EmulatorSettings.model_fields))

    def forget_cookies(self) -> None:
        """End all sessions and consents."""
        self.sessions: dict[str, None] = {}
        self.consents: dict[str, None] = {}

    def change(self, wanted: EmulatorSettings, named: frozenset[str]) -> None:
        """Set the named settings. Counts of named rules, and of captchas, start at 0 again."""
        self.settings = self.settings.model_copy(update={name: getattr(wanted, name) for name in named})
        if "rules" in named:
            self.rules = [CountedRule(rule) for rule in self.settings.rules]
        if named & _CAPTCHA_SETTINGS:
            self._own_rules = [CountedRule(rule) for rule in _own_rules(self.settings)]
        # Those of scenario and captcha come after the rules of the settings.
        rules = (*self.rules, *self._own_rules)
        self._rules_by_step = {step: [one for one in rules if step in one.rule.applies_to] for step in Step}

    def rule(self, step: Step, key: str, poll: int) -> Rule:
        """The first rule that applies; later ones do not count the request."""
        return next((one.rule for one in self._rules_by_step[step] if one.takes(key, poll)), NO_RULE)

    def latency(self, step: Step) -> float:
        """Seconds before each answer, without what a rule adds."""
        settings = self.settings
        separate = step is Step.GET and settings.get_latency is not None
        return (settings.get_latency or 0) if separate else settings.latency


@dataclass(slots=True)
class Call:
    """A request: the person (`subject`; the refusal if fields are wrong), and the rule that applies."""

    step: Step
    form: Mapping[str, str]
    request: Request
    state: EmulatorState
    subject: PersonEntry | PendingResult | HttpReply | None = None
    rule: Rule = NO_RULE

    @property
    def settings(self) -> EmulatorSettings:
        """The settings in force."""
        return self.state.settings

    @property
    def key(self) -> str:
        """The person's key; "" where it is unknown."""
        match self.subject:
            case PersonEntry(key=key) | PendingResult(entry=PersonEntry(key=key)):
                return key
            case _:
                return ""

    @property
    def poll(self) -> int:
        """The number of this get among those of its requestId, from 1; 0: it is not a get."""
        return self.subject.polls if isinstance(self.subject, PendingResult) else 0


def issue(issued: dict[str, _Value], value: _Value, size: int) -> str:
    """A new token of so many random bytes, in hex, under which `issued` keeps the value."""
    if len(issued) >= MAX_TOKENS:
        del issued[next(iter(issued))]
    token = secrets.token_hex(size).upper()
    issued[token] = value
    return token


def _own_rules(settings: EmulatorSettings) -> list[Rule]:
    rules = [] if settings.scenario == NORMAL else [Rule.model_validate({"case": settings.scenario})]
    if settings.captcha_after is not None:
        limits = {"after": settings.captcha_after, "times": settings.captcha_for}
        rules.append(Rule.model_validate({"on": "search", "captcha": settings.captcha, **limits}))
    return rules
