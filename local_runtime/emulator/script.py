"""How the emulated services behave: what `POST /control` takes, strictly. `README.md` beside this file explains it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from local_runtime.emulator.rules import Captcha, Count, Rule, Seconds, Strict


class Mood(StrEnum):
    """How the tax service is, in one word. The paid provider has no moods."""

    NORMAL = "normal"
    SLOW = "slow"
    CAPTCHA = "captcha"
    THROTTLED = "throttled"
    DOWN = "down"


class Settings(Strict):
    """All that `POST /control` sets; what it does not name stays."""

    mood: Mood = Mood.NORMAL
    latency: Seconds = 0
    get_latency: Seconds | None = None
    pending: Count = 0
    captcha: Captcha = Captcha.REQUIRED
    captcha_after: Count | None = None
    captcha_for: Annotated[int, Field(ge=1)] | None = None
    numbers: Literal["usual", "float", "int", "string"] = "usual"
    session: Literal["free", "required"] = "free"
    consent: Literal["free", "required"] = "free"
    yo: Literal["same", "differs"] = "same"
    docdt: Literal["ignored", "checked"] = "ignored"
    apifns_key: str = "emulated-key"
    apifns_limit: Count = 1000
    rules: tuple[Rule, ...] = ()


def faults_of(exc: ValidationError) -> list[str]:
    """What is wrong with a script, a line each: where, and what was expected."""
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    told = [(".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")) for error in errors]
    return [": ".join(filter(None, fault)) for fault in told]
