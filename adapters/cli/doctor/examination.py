"""Everything that is looked at, in the order in which it matters."""

from collections.abc import Iterator

from adapters.cli.doctor import mongo, providers, rabbit, tax_service
from adapters.cli.doctor.environment import Settings, broker_is_named, unreadable
from adapters.cli.doctor.finding import Finding, Kind
from adapters.composition.consumer import broker
from adapters.composition.store import StoreSettings, open_store
from adapters.config.settings import (
    ApiFnsSettings,
    AppSettings,
    HistorySettings,
    MongoSettings,
    NalogSettings,
    RabbitSettings,
    SettingsGroup,
)
from adapters.mongodb import StoreRefuses, WrongAddress

_UNNAMED = "not looked at: no RABBITMQ_... is set, and inn serve needs none; for inn consume: inn doctor --for consume"


def findings(*, consumer: bool | None) -> Iterator[Finding]:
    """Each as it is found. `consumer`: whether RabbitMQ belongs to it; None: where something is set of it."""
    if wrong := unreadable():
        yield from wrong
        return
    with_broker = broker_is_named() if consumer is None else consumer
    settings = Settings(consumer=with_broker)
    yield from settings.findings
    yield from _store(settings)
    if with_broker:
        yield from _broker(settings)
    elif consumer is None:
        yield Finding(Kind.SKIPPED, rabbit.NAME, _UNNAMED)
    yield from _tax_service(settings)
    if settings.has(ApiFnsSettings):
        yield from providers.check_paid(settings.of(ApiFnsSettings))


def _store(settings: Settings) -> Iterator[Finding]:
    if skipped := _skipped(settings, mongo.NAME, AppSettings, MongoSettings, HistorySettings):
        yield skipped
        return
    app, where, history = settings.of(AppSettings), settings.of(MongoSettings), settings.of(HistorySettings)
    try:
        with open_store(StoreSettings(app, where, history)) as store:
            found = list(mongo.check(store, app, where))
            yield from found
            if found[0].kind is Kind.OK and settings.has(NalogSettings, ApiFnsSettings):
                yield from providers.check(settings.of(NalogSettings), settings.of(ApiFnsSettings), store)
    except WrongAddress as no:
        yield Finding(Kind.WRONG, mongo.NAME, str(no))
    except StoreRefuses as no:
        yield Finding(Kind.FAILED, mongo.NAME, str(no))


def _broker(settings: Settings) -> Iterator[Finding]:
    if skipped := _skipped(settings, rabbit.NAME, AppSettings, RabbitSettings):
        yield skipped
    else:
        yield from rabbit.check(broker(settings.of(AppSettings), settings.of(RabbitSettings)))


def _tax_service(settings: Settings) -> Iterator[Finding]:
    if skipped := _skipped(settings, tax_service.NAME, NalogSettings):
        yield skipped
    else:
        yield from tax_service.check(settings.of(NalogSettings))


def _skipped(settings: Settings, name: str, *groups: type[SettingsGroup]) -> Finding | None:
    return None if settings.has(*groups) else Finding(Kind.SKIPPED, name, "not looked at: its settings are wrong")
