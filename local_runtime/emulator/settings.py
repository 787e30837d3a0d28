"""The emulator's settings and rules, as `POST /control` takes them. `README.md` explains each."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from local_runtime.emulator.cases import CASES
from local_runtime.emulator.counts import TAX_STEPS, Step
from local_runtime.emulator.register import keys_by_id

MAX_BODY = 10 * 1024**3
NORMAL = "normal"
"""The scenario without faults."""

Seconds = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Captcha = Literal["required", "with_id", "field", "token_field"]
Consent = Literal["free", "page", "required", "strict"]
Numbers = Literal["usual", "float", "int", "string"]
Body = Literal["honest", "empty", "truncated", "in_html", "html", "garbage", "nested"]
Connection = Literal["drop", "reset", "cut", "hang", "trickle", "trickle_head", "endless", "huge"]

_SEARCH = frozenset({Step.FIND, Step.LEGACY})
STEPS_OF: dict[str, frozenset[Step]] = {
    **{step.value: frozenset({step}) for step in Step},
    "search": _SEARCH,
    "tax": TAX_STEPS,
    "site": TAX_STEPS | {Step.PAGE, Step.CONSENT_PAGE, Step.CONSENT},
    "any": frozenset(Step),
}
"""The steps of each value of a rule's `on`."""

_ONLY_ON: dict[str, frozenset[Step]] = {
    "pending": TAX_STEPS,
    "pending_sec": frozenset({Step.FIND}),
    "forgotten": frozenset({Step.FIND}),
    "poll": frozenset({Step.GET}),
    "state": frozenset({Step.GET}),
    "code": frozenset({Step.LEGACY}),
    "captcha": _SEARCH,
    "errors": _SEARCH,
    "extra": TAX_STEPS,
    "inn": frozenset({Step.GET, Step.LEGACY, Step.APIFNS}),
    "person": TAX_STEPS | {Step.APIFNS},
    "consent": STEPS_OF["site"],
    "forget_cookies": STEPS_OF["site"],
}
_REPLACEMENTS = ("captcha", "error", "errors", "raw", "redirect")


class StrictModel(BaseModel):
    """Refuses unknown fields and values of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Rule(StrictModel):
    """Selects requests, and changes their replies."""

    case: str | None = None
    on: str | list[str] = "any"
    person: str | None = None
    poll: Annotated[int, Field(ge=1)] | None = None
    after: Count = 0
    times: Annotated[int, Field(ge=1)] | None = None

    delay: Seconds = 0
    pending: Count | None = None
    pending_sec: Seconds | None = None
    forgotten: bool = False
    state: float | None = None
    code: int | None = None
    inn: str | None = None
    extra: dict[str, JsonValue] | None = None
    captcha: Captcha | None = None
    consent: Consent | None = None
    forget_cookies: bool = False
    set_cookie: bool = True
    error: str | None = None
    errors: dict[str, list[str]] | None = None
    raw: str | None = None
    redirect: str | None = None
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    retry_after: int | str | None = None
    body: Body | None = None
    content_type: str | None = None
    charset: Literal["windows-1251"] | None = None
    connection: Connection | None = None
    pause: Seconds = 0.1
    size: Annotated[int, Field(ge=0, le=MAX_BODY)] = 100 * 1024**2

    @property
    def applies_to(self) -> frozenset[Step]:
        """The kinds of requests that `on` names."""
        names = [self.on] if isinstance(self.on, str) else self.on
        return frozenset[Step]().union(*(STEPS_OF[name] for name in names))

    @model_validator(mode="before")
    @classmethod
    def _from_case(cls, value: object) -> object:
        if not isinstance(value, dict) or value.get("case") is None:
            return value
        if value["case"] not in CASES:
            raise ValueError(f"case must be one of {', '.join(CASES)}")
        return {**CASES[value["case"]], **value}

    @field_validator("on")
    @classmethod
    def _known_steps(cls, value: str | list[str]) -> str | list[str]:
        if not ({value} if isinstance(value, str) else set(value)) <= STEPS_OF.keys():
            raise ValueError(f"must be one of {', '.join(STEPS_OF)}, or a list of these")
        return value

    @field_validator("person")
    @classmethod
    def _key(cls, value: str | None) -> str | None:
        return value if value is None else keys_by_id().get(value, value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for field, steps in _ONLY_ON.items():
            if getattr(self, field) not in (None, False) and not self.applies_to <= steps:
                raise ValueError(f"{field} goes with on = {', '.join(sorted(steps))} only")
        if self.pending is not None and Step.FIND not in self.applies_to:
            raise ValueError("pending needs find among the steps of on")
        given = [field for field in _REPLACEMENTS if getattr(self, field) is not None]
        if len(given) > 1:
            raise ValueError(f"only one of {', '.join(given)} can replace the answer")
        return self


NO_RULE = Rule()
"""Changes nothing."""


class EmulatorSettings(StrictModel):
    """The settings of the emulated services."""

    scenario: str = NORMAL
    latency: Seconds = 0
    get_latency: Seconds | None = None
    pending: Count = 0
    pending_sec: Seconds = 0
    captcha: Captcha = "required"
    captcha_after: Count | None = None
    captcha_for: Annotated[int, Field(ge=1)] | None = None
    numbers: Numbers = "usual"
    session: Literal["free", "required"] = "free"
    consent: Consent = "free"
    yo: Literal["same", "differs"] = "same"
    docdt: Literal["ignored", "checked"] = "ignored"
    apifns_key: str = "emulated-key"
    apifns_limit: Count = 1000
    rules: tuple[Rule, ...] = ()

    @field_validator("scenario")
    @classmethod
    def _known_scenario(cls, value: str) -> str:
        if value != NORMAL and value not in CASES:
            raise ValueError(f"must be one of {', '.join((NORMAL, *CASES))}")
        return value


def validation_errors(exc: ValidationError) -> list[str]:
    """The errors of the settings, a line each: the place, and what was expected."""
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    lines = [(".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")) for error in errors]
    return [": ".join(filter(None, line)) for line in lines]
