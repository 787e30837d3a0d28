"""The emulator's settings, as `POST /control` takes them. `README.md` explains each."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator

from local_runtime.emulator.fault_rules import Captcha, Consent, Count, Rule, Seconds, StrictModel
from local_runtime.emulator.scenarios import CASES

NORMAL = "normal"  # the scenario without faults

Numbers = Literal["usual", "float", "int", "string"]


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
