"""The environment (or `.env`), read once; every missing or malformed setting is named in one message.

A group of settings is a class; a process loads the groups that it needs. Secrets never show in a
message or a repr.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, get_args
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from adapters.config import environment, hosts
from adapters.config.environment import WrongSettings
from function.ports import Lifetimes

MIN_KEY_LENGTH = 32
"""Characters in each of APP_SECRET_KEYS."""
MAX_NAME_BYTES = 128
"""MongoDB takes no longer name of an application; a queue's, with what is added to it, has 255."""
MAX_DAYS = 36500
"""A hundred years: a longer time, from today, may end after the last year that there is."""
_PROXIES = frozenset({"http", "https", "socks5", "socks5h", "socks4", "socks4a"})


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", message)


def _split_url(url: str) -> SplitResult | None:
    """The parts of an address; None where it has no right host, or no right port."""
    try:
        parts = urlsplit(url)
        named = hosts.host(unquote(parts.hostname or ""))
        return parts if named is not None and parts.port != 0 else None
    except ValueError:
        return None


def _http_url(url: str) -> str:
    parts = _split_url(url)
    if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username:
        raise _wrong("must be an http:// or https:// address without user, password and query")
    return url.rstrip("/")


def _optional_http_url(url: str) -> str:
    return _http_url(url) if url else url


def _proxy_url(url: SecretStr) -> SecretStr:
    parts = _split_url(url.get_secret_value())
    if url.get_secret_value() and (parts is None or parts.scheme not in _PROXIES):
        raise _wrong("must be an http://, https://, socks4:// or socks5:// address")
    return url


def _header(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise _wrong("must be printable ASCII characters")
    return text


def _certificates(path: str) -> str:
    if path:
        try:
            ssl.create_default_context(cafile=path)
        except OSError:
            raise _wrong("must be a file of PEM certificates that can be read") from None
    return path


def _dsn(*schemes: str) -> AfterValidator:
    def check(dsn: SecretStr | None) -> SecretStr | None:
        if dsn is not None and not dsn.get_secret_value().startswith(schemes):
            raise _wrong(f"must begin with {' or '.join(schemes)}")
        return dsn

    return AfterValidator(check)


def _one_host(dsn: SecretStr | None) -> SecretStr | None:
    if dsn is not None and _split_url(dsn.get_secret_value()) is None:
        raise _wrong("must name a host, and a right port if any")
    return dsn


def _host(port: str) -> AfterValidator:
    def check(text: str) -> str:
        host = hosts.host(text)
        if text and host is None:
            raise _wrong(f"must be a host's name or IP address and nothing else; its port is {port}")
        return host or ""

    return AfterValidator(check)


def _seeds(text: str) -> str:
    if text and hosts.seeds(text, 1) is None:
        raise _wrong("must be a host's name or IP address, or several separated by commas, each with a port if any")
    return text


def _short(text: str) -> str:
    if len(text.encode()) > MAX_NAME_BYTES:
        raise _wrong(f"must have at most {MAX_NAME_BYTES} bytes")
    return text


def _tokens(tokens: SecretStr) -> SecretStr:
    # A header's bytes outside of ASCII mean one thing to one client and another to the next.
    _header(tokens.get_secret_value())
    return tokens


def _needed_without_dsn(value: Value, info: ValidationInfo) -> Value:
    # A malformed DSN is not in the data: it is named as such, and its parts are not asked for.
    if info.data.get("dsn", "malformed") is None and not _plain(value):
        raise _wrong("is required where no DSN is set")
    return value


def _needed_if_enabled(value: Value, info: ValidationInfo) -> Value:
    if info.data.get("enabled") and not _plain(value):
        raise _wrong("is required where CLIENT_APIFNS_ENABLED is set")
    return value


def _long_keys(value: SecretStr) -> SecretStr:
    keys = _split(value)
    if not keys or any(len(key) < MIN_KEY_LENGTH for key in keys):
        raise _wrong(f"must be keys of at least {MIN_KEY_LENGTH} characters, separated by commas")
    return value


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


class SettingsGroup(BaseModel):
    """A group of settings. A field is read from the variable of its name behind `prefix`, or of its alias."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, validate_default=True)

    prefix: ClassVar[str]


Value = TypeVar("Value", str, SecretStr)
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Port = Annotated[int, Field(ge=1, le=65535)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Days = Annotated[float, Field(ge=0, le=MAX_DAYS, allow_inf_nan=False)]
Hours = Annotated[float, Field(ge=0, le=MAX_DAYS * 24, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1), AfterValidator(_short)]
Part = Annotated[str, AfterValidator(_needed_without_dsn)]
SecretPart = Annotated[SecretStr, AfterValidator(_needed_without_dsn)]


class AppSettings(SettingsGroup):
    """The service itself."""

    prefix = "APP_"

    name: Name = "inn"
    request_retry_times: Count = 3
    request_retry_sec: Positive = 60
    start_timeout_sec: NotNegative = 60
    secret_keys: Annotated[SecretStr, AfterValidator(_long_keys)]

    @property
    def keys(self) -> tuple[str, ...]:
        """The secret keys, newest first."""
        return _split(self.secret_keys)


class LookupSettings(SettingsGroup):
    """One lookup over HTTP."""

    prefix = "APP_LOOKUP_"

    deadline_sec: Positive = 25
    """What it may take, waiting included."""


class LogSettings(SettingsGroup):
    """What is logged."""

    prefix = "LOG_"

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class HttpSettings(SettingsGroup):
    """The HTTP function's socket, or the consumer's probes'."""

    prefix = "HTTP_"

    host: Annotated[str, _host("HTTP_PORT")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0: any that is free."""
    tokens: Annotated[SecretStr, AfterValidator(_tokens)] = SecretStr("")

    @property
    def bearer_tokens(self) -> tuple[str, ...]:
        """Who holds one of these may ask; none: everybody."""
        return _split(self.tokens)


class MongoSettings(SettingsGroup):
    """The store of answers. `dsn` replaces host, port, user, password, replica set and authentication database."""

    prefix = "MONGO_"

    dsn: Annotated[SecretStr | None, _dsn("mongodb://", "mongodb+srv://")] = None
    host: Annotated[Part, AfterValidator(_seeds)] = ""
    port: Port = 27017
    user: Part = ""
    password: Annotated[SecretPart, Field(validation_alias="MONGO_PASS")] = SecretStr("")
    name: str
    rs: str = ""
    auth: str = "admin"
    timeout_server_select: Annotated[int, Field(gt=0)] = 5000
    """Milliseconds that one call may take, looking for a server included."""

    @property
    def call_sec(self) -> float:
        """Seconds that one call may take."""
        return self.timeout_server_select / 1000

    @property
    def uri(self) -> str:
        """The connection string; a secret."""
        if self.dsn is not None:
            return self.dsn.get_secret_value()
        replica_set = f"&replicaSet={quote(self.rs, safe='')}" if self.rs else ""
        # A host may be a list with ports of their own: a replica set's seeds.
        seeds = hosts.seeds(self.host, self.port) or ()
        nodes = ",".join(f"{hosts.in_url(host)}:{port}" for host, port in seeds)
        return (
            f"mongodb://{_login(self.user, self.password)}@{nodes}/?authSource={quote(self.auth, safe='')}{replica_set}"
        )


class RabbitSettings(SettingsGroup):
    """The broker. `dsn` replaces host, port, user, password and virtual host."""

    prefix = "RABBITMQ_"

    dsn: Annotated[SecretStr | None, _dsn("amqp://", "amqps://"), AfterValidator(_one_host)] = None
    host: Annotated[Part, _host("RABBITMQ_PORT")] = ""
    port: Port = 5672
    user: Part = ""
    password: Annotated[SecretPart, Field(validation_alias="RABBITMQ_PASS")] = SecretStr("")
    vhost: str = "/"
    prefetch_count: Annotated[int, Field(ge=1, le=65535)] = 100
    source_queue_name: Name = "inn"

    @property
    def uri(self) -> str:
        """The connection string; a secret."""
        if self.dsn is not None:
            return self.dsn.get_secret_value()
        place = f"{hosts.in_url(self.host)}:{self.port}"
        return f"amqp://{_login(self.user, self.password)}@{place}/{quote(self.vhost, safe='')}"


class NalogSettings(SettingsGroup):
    """The tax service, and how gently it is asked. 0 turns pace, cool-down and limit off."""

    prefix = "CLIENT_NALOG_"

    url: HttpUrl
    protocol: Literal["two-step", "legacy"] = "two-step"
    timeout_sec: Positive = 20
    """Of one lookup, every request and wait of it included: a consumer that stops waits for it."""
    retries: Count = 2
    wait_sec: NotNegative = 1
    proxy: Annotated[SecretStr, AfterValidator(_proxy_url)] = SecretStr("")
    ca_bundle: Annotated[str, AfterValidator(_certificates)] = ""
    user_agent: Annotated[str, AfterValidator(_header)] = (
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    )
    min_interval_sec: NotNegative = 1
    cooldown_sec: NotNegative = 20
    daily_limit: Count = 0
    consent: bool = False


class ApiFnsSettings(SettingsGroup):
    """The paid provider: off unless it is switched on and has a key."""

    prefix = "CLIENT_APIFNS_"

    enabled: bool = False
    proxy: Annotated[SecretStr, AfterValidator(_proxy_url)] = SecretStr("")
    ca_bundle: Annotated[str, AfterValidator(_certificates)] = ""
    url: Annotated[str, AfterValidator(_needed_if_enabled), AfterValidator(_optional_http_url)] = ""
    key: Annotated[SecretStr, AfterValidator(_needed_if_enabled)] = SecretStr("")


class CacheSettings(SettingsGroup):
    """How long answers are good. 0: for ever."""

    prefix = "CACHE_"

    found_days: Days = 365
    not_found_hours: Hours = 24

    @property
    def lifetimes(self) -> Lifetimes:
        """The same in the core's terms."""
        return Lifetimes(
            found=timedelta(days=self.found_days) if self.found_days else None,
            absent=timedelta(hours=self.not_found_hours) if self.not_found_hours else None,
        )


class HistorySettings(SettingsGroup):
    """How long rows of history stay. 0: for ever."""

    prefix = "HISTORY_"

    days: Days = 365


class Core(NamedTuple):
    """What every production process needs."""

    app: AppSettings
    lookup: LookupSettings
    log: LogSettings
    http: HttpSettings
    mongo: MongoSettings
    nalog: NalogSettings
    apifns: ApiFnsSettings
    cache: CacheSettings
    history: HistorySettings


CORE_GROUPS = (
    AppSettings,
    LookupSettings,
    LogSettings,
    HttpSettings,
    MongoSettings,
    NalogSettings,
    ApiFnsSettings,
    CacheSettings,
    HistorySettings,
)
ALL_GROUPS = (*CORE_GROUPS, RabbitSettings)

Groups = tuple[type[SettingsGroup], ...]
Group = TypeVar("Group", bound=SettingsGroup)


def load_core() -> Core:
    """What `inn serve` reads. Raises WrongSettings."""
    return Core(*load_groups(CORE_GROUPS))  # type: ignore[arg-type]  # groups and fields stand in one order


def load_all() -> tuple[Core, RabbitSettings]:
    """What `inn consume` reads. Raises WrongSettings."""
    *core, rabbit = load_groups(ALL_GROUPS)
    return Core(*core), rabbit  # type: ignore[arg-type, return-value]  # as in load_core


def load(group: type[Group], **given: str) -> Group:
    """One group alone, for commands that need no more; what is `given` need not be set. Raises WrongSettings."""
    return load_groups((group,), given)[0]  # type: ignore[return-value]  # what was asked for


def load_groups(groups: Groups, given: Mapping[str, Any] = MappingProxyType({})) -> list[SettingsGroup]:
    """One of each, in order; a field that is `given` need not be set. Raises WrongSettings for all of them at once."""
    loaded: list[SettingsGroup] = []
    faults: list[str] = []
    set_now = environment.read()
    for group in groups:
        try:
            loaded.append(group.model_validate({**_set(group, set_now), **given}))
        except ValidationError as exc:
            faults += _faults(group, exc)
    if faults:
        raise WrongSettings(faults)
    return loaded


def names_of(group: type[SettingsGroup]) -> dict[str, str]:
    """The environment variable of each field of a group."""
    return {
        field: str(info.validation_alias or f"{group.prefix}{field.upper()}")
        for field, info in group.model_fields.items()
    }


def _set(group: type[SettingsGroup], found: Mapping[str, str]) -> dict[str, str]:
    """What is set of one group, by the names that its model takes."""
    variables = {str(group.model_fields[field].validation_alias or field): of for field, of in names_of(group).items()}
    return {name: found[of.lower()] for name, of in variables.items() if of.lower() in found}


def _faults(group: type[SettingsGroup], exc: ValidationError) -> list[str]:
    variables = names_of(group)
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return [f"{_variable(variables, error)}: {_expected(group, error)}" for error in errors]


def _variable(variables: dict[str, str], error: ErrorDetails) -> str:
    # pydantic names a field by its alias where it has one.
    name = str(error["loc"][0])
    return variables.get(name, name)


def _expected(group: type[SettingsGroup], error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return "is required"
    if error["type"] == "literal_error":
        return f"must be one of {', '.join(map(str, _choices(group, str(error['loc'][0]))))}"
    return error["msg"]


def _choices(group: type[SettingsGroup], field: str) -> tuple[object, ...]:
    return get_args(group.model_fields[field].annotation)


def _login(user: str, password: SecretStr) -> str:
    return f"{quote(user, safe='')}:{quote(password.get_secret_value(), safe='')}"


def _split(secret: SecretStr) -> tuple[str, ...]:
    return tuple(part for part in (part.strip() for part in secret.get_secret_value().split(",")) if part)
