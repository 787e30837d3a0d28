"""Chooses the rule that applies to a request, and counts. For one event loop only."""

from dataclasses import dataclass, field

from local_runtime.emulator.counts import Step
from local_runtime.emulator.settings import NO_RULE, NORMAL, EmulatorSettings, Rule

_CAPTCHA_SETTINGS = frozenset({"captcha", "captcha_after", "captcha_for", "scenario"})


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


@dataclass
class Behaviour:
    """The settings in force, and the rules with their counts."""

    initial: EmulatorSettings
    settings: EmulatorSettings = field(init=False)
    given: list[CountedRule] = field(init=False)
    """The rules of the settings, in order; those of scenario and captcha come after them."""

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Return to the initial settings; all counts start at 0."""
        self.settings = self.initial
        self.change(self.initial, frozenset(EmulatorSettings.model_fields))

    def change(self, wanted: EmulatorSettings, named: frozenset[str]) -> None:
        """Set the named settings. Counts of named rules, and of captchas, start at 0 again."""
        self.settings = self.settings.model_copy(update={name: getattr(wanted, name) for name in named})
        if "rules" in named:
            self.given = [CountedRule(rule) for rule in self.settings.rules]
        if named & _CAPTCHA_SETTINGS:
            self._own = [CountedRule(rule) for rule in _own_rules(self.settings)]
        rules = (*self.given, *self._own)
        self._by_step = {step: [one for one in rules if step in one.rule.applies_to] for step in Step}

    def rule(self, step: Step, key: str, poll: int) -> Rule:
        """The first rule that applies; later ones do not count the request."""
        return next((one.rule for one in self._by_step[step] if one.takes(key, poll)), NO_RULE)

    def latency(self, step: Step) -> float:
        """Seconds before each answer, without what a rule adds."""
        settings = self.settings
        separate = step is Step.GET and settings.get_latency is not None
        return (settings.get_latency or 0) if separate else settings.latency


def _own_rules(settings: EmulatorSettings) -> list[Rule]:
    rules = [] if settings.scenario == NORMAL else [Rule.model_validate({"case": settings.scenario})]
    if settings.captcha_after is not None:
        limits = {"after": settings.captcha_after, "times": settings.captcha_for}
        rules.append(Rule.model_validate({"on": "search", "captcha": settings.captcha, **limits}))
    return rules
