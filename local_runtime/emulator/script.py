"""How the emulated service behaves now: its latency, its pending polls, its captchas."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Settings(BaseModel):
    """What `POST /control` sets."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    latency: Seconds = 0
    get_latency: Seconds | None = None
    pending: Count = 0
    captcha_after: Count | None = None
    captcha_for: Count | None = None
