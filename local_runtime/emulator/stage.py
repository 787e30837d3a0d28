"""Plays the script: which rule a request falls under, how long it waits. Used by one event loop only."""

from dataclasses import dataclass, field

from local_runtime.emulator.counts import Step
from local_runtime.emulator.rules import HONEST, STEPS_OF, Body, Rule
from local_runtime.emulator.script import Mood, Settings

SLOW_LATENCY = 2.0
SLOW_PENDING = 3
THROTTLED_FOR = 30
"""Seconds, as the mood `throttled` says in Retry-After."""

_MOODS: dict[Mood, tuple[Rule, ...]] = {
    Mood.THROTTLED: (Rule(on="tax", status=429, retry_after=THROTTLED_FOR, body=Body.HTML),),
    Mood.DOWN: (Rule(on="tax", status=503, body=Body.HTML),),
}
_CAPTCHA_SETTINGS = frozenset({"captcha", "captcha_after", "captcha_for", "mood"})


@dataclass(slots=True)
class Playing:
    """A rule, how many requests it saw, and to how many it happened."""

    rule: Rule
    seen: int = 0
    fired: int = 0

    def takes(self, key: str) -> bool:
        """Whether the request of this person falls under the rule; counts it."""
        rule = self.rule
        if rule.person is not None and rule.person != key:
            return False
        self.seen += 1
        if self.seen <= rule.after or (rule.times is not None and self.fired >= rule.times):
            return False
        self.fired += 1
        return True


@dataclass
class Stage:
    """The settings in force, and the rules with their counts."""

    initial: Settings
    settings: Settings = field(init=False)
    given: list[Playing] = field(init=False)
    """The rules of the script, in order; those of mood and captcha come after them."""

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew with the initial settings."""
        self.change(self.initial, frozenset(Settings.model_fields))

    def change(self, wanted: Settings, named: frozenset[str]) -> None:
        """Take over the named settings. Rules that are named count from 0 again, so do captchas."""
        changes = {name: getattr(wanted, name) for name in named}
        self.settings = Settings() if named >= set(Settings.model_fields) else self.settings
        self.settings = self.settings.model_copy(update=changes)
        if "rules" in named:
            self.given = [Playing(rule) for rule in self.settings.rules]
        if named & _CAPTCHA_SETTINGS:
            self._own = [Playing(rule) for rule in _own_rules(self.settings)]
        self._by_step = {
            step: [playing for playing in (*self.given, *self._own) if step in STEPS_OF[playing.rule.on]]
            for step in Step
        }

    def rule(self, step: Step, key: str) -> Rule:
        """The first rule that takes the request; later ones do not see it."""
        for playing in self._by_step[step]:
            if playing.takes(key):
                return playing.rule
        return HONEST

    def latency(self, step: Step) -> float:
        """Seconds before each answer, rules aside."""
        settings = self.settings
        latency = settings.latency
        if step is Step.GET and settings.get_latency is not None:
            latency = settings.get_latency
        return max(latency, SLOW_LATENCY) if settings.mood is Mood.SLOW else latency

    @property
    def pending(self) -> int:
        """Polls before each result, rules aside."""
        return max(self.settings.pending, SLOW_PENDING) if self.settings.mood is Mood.SLOW else self.settings.pending


def _own_rules(settings: Settings) -> tuple[Rule, ...]:
    captcha = Rule(on="search", captcha=settings.captcha)
    if settings.mood is Mood.CAPTCHA:
        return (captcha,)
    limited: tuple[Rule, ...] = ()
    if settings.captcha_after is not None:
        limited = (captcha.model_copy(update={"after": settings.captcha_after, "times": settings.captcha_for}),)
    return _MOODS.get(settings.mood, ()) + limited
