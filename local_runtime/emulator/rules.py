"""A rule of the script: to which requests something happens, and what. `README.md` beside this file explains it."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from local_runtime.emulator.counts import Step
from local_runtime.emulator.people import keys

MAX_BODY = 10 * 1024**3

Seconds = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Status = Annotated[int, Field(ge=200, le=599)]

STEPS_OF: dict[str, frozenset[Step]] = {
    **{step.value: frozenset({step}) for step in Step},
    "search": frozenset({Step.FIND, Step.LEGACY}),
    "tax": frozenset({Step.FIND, Step.GET, Step.LEGACY}),
    "any": frozenset(Step),
}
"""What a rule's `on` stands for."""

_JSON_STEPS = STEPS_OF["tax"]
_ONLY_ON: dict[str, frozenset[Step]] = {
    "pending": frozenset({Step.FIND}),
    "forgotten": frozenset({Step.FIND}),
    "state": frozenset({Step.GET}),
    "code": frozenset({Step.LEGACY}),
    "captcha": STEPS_OF["search"],
    "errors": STEPS_OF["search"],
    "extra": _JSON_STEPS,
    "inn": frozenset({Step.GET, Step.LEGACY, Step.APIFNS}),
    "person": frozenset({Step.FIND, Step.GET, Step.LEGACY, Step.APIFNS}),
}
_INSTEAD = ("captcha", "error", "errors", "raw", "redirect")


class Captcha(StrEnum):
    """In which way a captcha is demanded."""

    REQUIRED = "required"
    """`captchaRequired` true, and nothing else."""
    WITH_ID = "with_id"
    """`captchaRequired` true together with a good answer: it speaks of the next find."""
    FIELD = "field"
    """400, and `captcha` among the ERRORS."""
    TOKEN_FIELD = "token_field"  # noqa: S105  # a word of the script
    """400, and `captchaToken` among the ERRORS."""


class Body(StrEnum):
    """What a reply's body is made of."""

    HONEST = "honest"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    """The first half of the honest one."""
    IN_HTML = "in_html"
    """The honest one, in a page."""
    HTML = "html"
    """A page without JSON."""
    GARBAGE = "garbage"
    """Bytes that are not UTF-8."""
    NESTED = "nested"
    """JSON 100,000 arrays deep."""


class Connection(StrEnum):
    """How a reply travels."""

    DROP = "drop"
    """It does not: the connection is closed."""
    RESET = "reset"
    """It does not: the connection is reset."""
    CUT = "cut"
    """The connection is closed after half of the body."""
    HANG = "hang"
    """Nothing comes until the client leaves."""
    TRICKLE = "trickle"
    """The body's bytes come one at a time, `pause` seconds apart."""
    TRICKLE_HEAD = "trickle_head"
    """So do the head's."""
    ENDLESS = "endless"
    """The body goes on for ever."""
    HUGE = "huge"
    """The body is filled up with spaces to `size` bytes."""


class Strict(BaseModel):
    """What is not understood is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Rule(Strict):
    """What happens to some requests: which ones, and what instead of the honest answer."""

    on: str = "any"
    person: str | None = None
    after: Count = 0
    times: Annotated[int, Field(ge=1)] | None = None

    delay: Seconds = 0
    pending: Count | None = None
    forgotten: bool = False
    state: float | None = None
    code: int | None = None
    inn: str | None = None
    extra: dict[str, JsonValue] | None = None
    captcha: Captcha | None = None
    error: str | None = None
    errors: dict[str, list[str]] | None = None
    raw: str | None = None
    redirect: str | None = None
    status: Status | None = None
    retry_after: int | str | None = None
    body: Body | None = None
    content_type: str | None = None
    connection: Connection | None = None
    pause: Seconds = 0.1
    size: Annotated[int, Field(ge=0, le=MAX_BODY)] = 100 * 1024**2

    @field_validator("on")
    @classmethod
    def _known_step(cls, value: str) -> str:
        if value not in STEPS_OF:
            raise ValueError(f"must be one of {', '.join(STEPS_OF)}")
        return value

    @field_validator("person")
    @classmethod
    def _key(cls, value: str | None) -> str | None:
        return value if value is None else keys().get(value, value)

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        for effect, steps in _ONLY_ON.items():
            if getattr(self, effect) not in (None, False) and not STEPS_OF[self.on] <= steps:
                raise ValueError(f"{effect} goes with on = {', '.join(sorted(steps))} only")
        given = [effect for effect in _INSTEAD if getattr(self, effect) is not None]
        if len(given) > 1:
            raise ValueError(f"only one of {', '.join(given)} can stand in for the answer")
        return self


HONEST = Rule()
"""No rule applies."""
