"""The settings: a class for each group of variables, and loading them with all faults reported together.

A process loads the groups that it needs. Secrets never show in a message or a repr.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, get_type_hints
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.types import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr

from adapters.config import addresses, environment, fields
from adapters.config.environment import WrongSettings
from function.ports import Lifetimes

EXAMPLE: Final = "change-me"  # in the public secrets of `.env.example`: allowed for the emulated tax service only
EMULATED_URL: Final = "http://emulator:8080"  # the emulated tax service of docker compose, in `.env.example`


def with_prefix(prefix: str) -> Callable[[str], str]:
    """Makes the name of a field's environment variable: the prefix and the field's name in capitals."""
    return lambda field: f"{prefix}{field.upper()}"


class SettingsGroup(BaseModel):
    """A group of settings. The alias of a field is its environment variable."""

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, validate_default=True, validate_by_name=True, allow_inf_nan=False
    )


class AppSettings(SettingsGroup, alias_generator=with_prefix("APP_")):
    """The service itself."""

    name: fields.Name = "inn"
    request_retry_times: NonNegativeInt = 3
    request_retry_sec: PositiveFloat = 60
    start_timeout_sec: NonNegativeFloat = 60
    secret_keys: fields.SecretKeys

    @property
    def keys(self) -> tuple[str, ...]:
        """The secret keys, newest first."""
        return fields.split_list(self.secret_keys.get_secret_value())


class LogSettings(SettingsGroup, alias_generator=with_prefix("LOG_")):
    """Logging."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class HttpSettings(SettingsGroup, alias_generator=with_prefix("HTTP_")):
    """The HTTP function: its address (or that of the consumer's probes), tokens, and the time limit of a lookup."""

    host: fields.HttpHost = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080  # 0: any free port
    tokens: fields.Tokens = SecretStr("")
    # The time limit of a lookup over HTTP, waiting included.
    lookup_deadline_sec: Annotated[PositiveFloat, Field(validation_alias="APP_LOOKUP_DEADLINE_SEC")] = 25

    @property
    def bearer_tokens(self) -> tuple[str, ...]:
        """The tokens that a request needs one of; none: every request is allowed."""
        return fields.split_list(self.tokens.get_secret_value())


class MongoSettings(SettingsGroup, alias_generator=with_prefix("MONGO_")):
    """Answers and history. `dsn` replaces host, port, user, password, replica set and authentication database."""

    dsn: fields.MongoDsn | None = None
    host: fields.Hosts = ""
    port: fields.Port = 27017
    user: fields.User = ""
    password: Annotated[fields.Password, Field(validation_alias="MONGO_PASS")] = SecretStr("")
    name: str
    rs: str = ""
    auth: str = "admin"
    timeout_server_select: PositiveInt = 5000  # milliseconds of one call, finding a server included
    history_days: Annotated[fields.Days, Field(validation_alias="HISTORY_DAYS")] = 365  # 0: for ever

    @property
    def uri(self) -> str:
        """The connection string; a secret."""
        if self.dsn is not None:
            return self.dsn.get_secret_value()
        replica_set = f"&replicaSet={quote(self.rs, safe='')}" if self.rs else ""
        nodes = ",".join(addresses.addresses(self.host, self.port))
        return (
            f"mongodb://{_login(self.user, self.password)}@{nodes}/?authSource={quote(self.auth, safe='')}{replica_set}"
        )


class RabbitSettings(SettingsGroup, alias_generator=with_prefix("RABBITMQ_")):
    """The broker. `dsn` replaces host, port, user, password and virtual host."""

    dsn: fields.AmqpDsn | None = None
    host: fields.Hosts = ""
    port: fields.Port = 5672
    user: fields.User = ""
    password: Annotated[fields.Password, Field(validation_alias="RABBITMQ_PASS")] = SecretStr("")
    vhost: str = "/"
    prefetch_count: Annotated[int, Field(ge=1, le=65535)] = 100
    source_queue_name: fields.Name = "inn"
    declare: bool = True  # False: the queues are created elsewhere, and only checked

    @property
    def uris(self) -> tuple[str, ...]:
        """A connection string for each of the cluster's hosts; secrets."""
        if self.dsn is not None:
            return addresses.split_url(self.dsn.get_secret_value())
        login, vhost = _login(self.user, self.password), quote(self.vhost, safe="")
        return tuple(f"amqp://{login}@{place}/{vhost}" for place in addresses.addresses(self.host, self.port))


class ProviderSettings(SettingsGroup):
    """The connection to a provider's site."""

    proxy: fields.ProxyUrl = SecretStr("")
    ca_bundle: fields.CaBundle = ""  # a file of certificates to trust beside the system's, or ""

    @property
    def proxy_url(self) -> str:
        """The proxy's address, or ""; a secret."""
        return self.proxy.get_secret_value()


class NalogSettings(ProviderSettings, alias_generator=with_prefix("CLIENT_NALOG_")):
    """The tax service, its protocol and rate limit. 0 turns interval, cool-down and daily limit off."""

    url: fields.HttpUrl
    protocol: Literal["two-step", "legacy"] = "two-step"
    timeout_sec: PositiveFloat = 20  # the time limit of one exchange
    retries: NonNegativeInt = 2  # retries of a failed connect
    wait_sec: NonNegativeFloat = 1  # seconds before the second retry; doubles with each later one
    user_agent: fields.AsciiText = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    min_interval_sec: NonNegativeFloat = 1
    cooldown_sec: NonNegativeFloat = 20
    daily_limit: NonNegativeInt = 0
    consent: bool = False


_if_enabled = fields.required("CLIENT_APIFNS_ENABLED is set", lambda data: bool(data.get("enabled")))


class ApiFnsSettings(ProviderSettings, alias_generator=with_prefix("CLIENT_APIFNS_")):
    """The paid provider."""

    # Before those that depend on it: pydantic validates in this order.
    enabled: bool = False
    url: Annotated[fields.HttpUrl, _if_enabled] = ""
    key: Annotated[SecretStr, _if_enabled] = SecretStr("")


class CacheSettings(SettingsGroup, alias_generator=with_prefix("CACHE_")):
    """How long answers are valid. 0: for ever."""

    found_days: fields.Days = 365
    not_found_hours: fields.Hours = 24

    @property
    def lifetimes(self) -> Lifetimes:
        """The lifetimes as the core uses them."""
        return Lifetimes(
            found=timedelta(days=self.found_days) if self.found_days else None,
            absent=timedelta(hours=self.not_found_hours) if self.not_found_hours else None,
        )


class Core(NamedTuple):
    """The settings that every production process needs."""

    app: AppSettings
    log: LogSettings
    http: HttpSettings
    mongo: MongoSettings
    nalog: NalogSettings
    apifns: ApiFnsSettings
    cache: CacheSettings


Groups = tuple[type[SettingsGroup], ...]
Group = TypeVar("Group", bound=SettingsGroup)

CORE_GROUPS: Groups = tuple(get_type_hints(Core).values())
ALL_GROUPS: Groups = (*CORE_GROUPS, RabbitSettings)


def load_core() -> Core:
    """Load the settings of `inn serve`. Raises WrongSettings."""
    return Core._make(load_groups(CORE_GROUPS))


def load_all() -> tuple[Core, RabbitSettings]:
    """Load the settings of `inn consume`. Raises WrongSettings."""
    *core, rabbit = load_groups(ALL_GROUPS)
    return Core._make(core), rabbit


def load(group: type[Group]) -> Group:
    """Load one group. Raises WrongSettings."""
    loaded: Group = load_groups((group,))[0]
    return loaded


def load_groups(groups: Groups, **given: object) -> list[Any]:
    """Load the groups, in order; variables that are `given` need not be set. Raises WrongSettings with all faults."""
    loaded: list[SettingsGroup] = []
    faults: dict[str, str] = {}
    variables = environment.read()
    for group in groups:
        values, wrong = environment.values_of(names_of(group).values(), variables)
        if variables.get("CLIENT_NALOG_URL") != EMULATED_URL:
            wrong |= _example_faults(values)
        try:
            loaded.append(group.model_validate({**values, **given}))
        except ValidationError as exc:
            # pydantic names the field if a default is wrong, else the variable.
            for error in exc.errors(include_input=False):
                field, text = str(error["loc"][0]), "is required" if error["type"] == "missing" else error["msg"]
                wrong.setdefault(names_of(group).get(field, field), text)
        faults |= wrong
    if faults:
        raise WrongSettings(faults)
    return loaded


def example_secrets(groups: Groups) -> list[str]:
    """A fault for each setting with a secret of `.env.example`, even for the emulated tax service."""
    names = [name for group in groups for name in names_of(group).values()]
    values, _ = environment.values_of(names, environment.read())
    return WrongSettings(_example_faults(values)).faults


def names_of(group: type[SettingsGroup]) -> dict[str, str]:
    """The environment variable of each field of a group."""
    return {field: str(info.validation_alias) for field, info in group.model_fields.items()}


def variables_of(group: type[SettingsGroup]) -> set[str]:
    """All variables of a group, including those that name files."""
    return {variable for name in names_of(group).values() for variable in (name, f"{name}_FILE")}


def _example_faults(values: Mapping[str, object]) -> dict[str, str]:
    wrong = "has the example's value; set a secret of your own (openssl rand -hex 32 makes one)"
    # A DSN replaces its parts.
    unused = {f"{name.removesuffix('DSN')}PASS" for name in values if name.endswith("_DSN")}
    return {name: wrong for name, value in values.items() if EXAMPLE in str(value) and name not in unused}


def _login(user: str, password: SecretStr) -> str:
    return f"{quote(user, safe='')}:{quote(password.get_secret_value(), safe='')}"
