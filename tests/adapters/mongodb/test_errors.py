import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import BulkWriteError

from adapters.answers.key_ring import KeyRing
from adapters.mongodb import MongoConfig, MongoStore, StoredCounts, StoreFault, StoreRefuses
from adapters.mongodb.errors import driver_errors
from adapters.runtime.clock import SystemClock
from function.history_and_erasure import HistoryQuery
from function.outcomes import Answer, Reason, Status
from function.ports import Claim, Ticket, Unavailable
from function.rate_limit import Permit, RateLimit
from tests.adapters.mongodb.conftest import KEY, Place
from tests.contracts.stores import request
from tests.servers.mongod import FAULTS_ON_DEMAND, Mongo, keep_indexes_waiting, replica_set, standalone
from tests.servers.process import free_port

SECRET = "s3cret-p4ss"
ADDRESS = f"mongodb://user:{SECRET}@host/"
UNPACED = RateLimit(min_interval=0, cooldown=0, daily_limit=0, probe_lease=1)


@contextmanager
def store_at(uri: str, **changes: Any) -> Iterator[MongoStore]:
    config = MongoConfig(**{"uri": uri, "database": "inn", "lease": 60, "operation": 5, **changes})
    with closing(MongoStore(config, KeyRing([KEY]), SystemClock())) as store:
        yield store


@pytest.fixture(scope="module")
def guarded() -> Iterator[Mongo]:
    """A replica set that asks for logins, with users who may write here, read here, and write elsewhere."""
    with replica_set(1, auth=True) as mongo:
        with MongoClient[dict[str, Any]](mongo.uri) as client:
            roles = {"writer": ("readWrite", "inn"), "reader": ("read", "inn"), "stranger": ("readWrite", "other")}
            for user, (role, database) in roles.items():
                client["inn"].command("createUser", user, pwd=SECRET, roles=[{"role": role, "db": database}])
        yield mongo


def login(mongo: Mongo, user: str, password: str = SECRET, auth: str = "inn") -> str:
    [member] = mongo.members
    return f"mongodb://{user}:{password}@{member.address}/?authSource={auth}&replicaSet=inn"


def lookups(store: MongoStore, claim: Claim) -> list[Callable[[], object]]:
    """Every call of a lookup."""
    return [
        lambda: store.find_many([claim.person]),
        lambda: store.find_or_claim(request(8).person),
        lambda: store.save(claim, request(7), Answer(Status.NOT_FOUND, "", "nalog", datetime.now(UTC))),
        lambda: store.release(claim),
        lambda: store.renew([claim]),
        lambda: store.erased_since(datetime.now(UTC)),
        lambda: store.keep_ticket(claim, Ticket("nalog", SECRET, datetime.now(UTC)), 1),
        lambda: store.acquire("nalog", UNPACED),
        lambda: store.cool_down("nalog", UNPACED),
        lambda: store.recover("nalog"),
    ]


def shown(error: pytest.ExceptionInfo[Exception]) -> str:
    return "".join(traceback.format_exception(error.value))


def test_who_may_read_and_write_the_database_needs_no_other_right(guarded: Mongo) -> None:
    with store_at(login(guarded, "writer")) as store:
        store.prepare()
        assert store.count_under_old_keys() == StoredCounts(0, 0)
        assert isinstance(store.acquire("nalog", UNPACED), Permit)
        assert store.check("nalog", UNPACED) is None
        assert store.find_or_claim(request().person) is not None
        assert store.forget(request().person).answers == 0
        assert store.history(HistoryQuery()) == []


@pytest.mark.parametrize(
    ("user", "password", "auth", "said"),
    [
        pytest.param("writer", "wrong", "inn", "refuses the login", id="a wrong password"),
        pytest.param("writer", SECRET, "admin", "refuses the login", id="another authentication database"),
        pytest.param("reader", SECRET, "inn", "readWrite", id="a reader"),
        pytest.param("stranger", SECRET, "inn", "readWrite", id="a user of another database"),
        pytest.param("", "", "inn", "readWrite", id="no login"),
    ],
)
def test_a_login_that_will_not_do_ends_the_start_in_words(
    guarded: Mongo, user: str, password: str, auth: str, said: str
) -> None:
    uri = login(guarded, user, password, auth) if user else f"mongodb://{guarded.members[0].address}"
    with store_at(uri) as store, pytest.raises(StoreRefuses, match=said) as caught:
        store.prepare()
    assert SECRET not in shown(caught)
    assert "full error" not in shown(caught)
    assert "\n" not in str(caught.value)


def test_what_is_taken_away_later_is_an_outage_to_lookups_and_told_to_whoever_looks_after_it(guarded: Mongo) -> None:
    with MongoClient[dict[str, Any]](guarded.uri) as client, store_at(login(guarded, "fading")) as store:
        client["inn"].command("createUser", "fading", pwd=SECRET, roles=[{"role": "readWrite", "db": "inn"}])
        store.prepare()
        claim = store.find_or_claim(request(7).person)
        assert isinstance(claim, Claim)
        client["inn"].command("updateUser", "fading", roles=[])
        for lookup in lookups(store, claim):
            with pytest.raises(Unavailable) as caught:
                lookup()
            assert isinstance(caught.value.__cause__, StoreRefuses)
        for operation in (store.try_writing, lambda: store.forget(request(7).person), store.count_under_old_keys):
            with pytest.raises(StoreRefuses, match="readWrite"):
                operation()
        client["inn"].command("updateUser", "fading", roles=[{"role": "readWrite", "db": "inn"}])
        store.release(claim)


@pytest.mark.parametrize(
    ("uri", "database", "said"),
    [
        pytest.param(f"mongodb://user:{SECRET}/x@host", "inn", "MONGO_DSN", id="a slash in the password"),
        pytest.param(f"mongodb://host:{SECRET}", "inn", "MONGO_DSN", id="no port"),
        pytest.param(f"{ADDRESS}?tlsCAFile=/no/such/{SECRET}&tls=true", "inn", "MONGO_DSN", id="no such file"),
        pytest.param(f"{ADDRESS}?authMechanism={SECRET}", "inn", "MONGO_DSN", id="no such mechanism"),
        pytest.param(f"{ADDRESS}?tsl=true", "inn", "MONGO_DSN", id="no such option"),
        pytest.param("mongodb://127.0.0.1", "inn/prod", "MONGO_NAME", id="no name of a database"),
    ],
)
def test_an_address_or_a_name_that_is_none_is_refused_without_a_word_of_it(uri: str, database: str, said: str) -> None:
    with pytest.raises(StoreRefuses, match=said) as caught, store_at(uri, database=database):
        pass
    assert SECRET not in shown(caught)


def test_a_mongod_that_is_not_there_is_an_outage() -> None:
    with store_at(f"mongodb://127.0.0.1:{free_port()}", operation=0.05) as store:
        calls: list[Callable[[], object]] = [
            store.prepare,
            store.ping,
            store.count_under_old_keys,
            lambda: store.history(HistoryQuery()),
            lambda: store.forget(request().person),
            lambda: store.check("nalog", UNPACED),
            *lookups(store, Claim(request().person, "token")),
        ]

        for call in calls:
            with pytest.raises(Unavailable) as caught:
                call()
            assert caught.value.reason is Reason.STORE_UNAVAILABLE
            assert "ServerSelectionTimeoutError" in shown(caught)
            assert "127.0.0.1" not in shown(caught)


def test_indexes_are_made_once_and_one_of_another_definition_is_named(unprepared: Place) -> None:
    def indexes() -> dict[str, Any]:
        return {name: unprepared.raw[name].index_information() for name in ("answers", "history")}

    unprepared.raw["history"].create_index([("time", 1), ("provider", 1)], name="time")
    with closing(unprepared.store()) as store:
        with pytest.raises(StoreRefuses, match="the index time of the collection history has another definition: drop"):
            store.prepare()
        unprepared.raw["history"].drop_index("time")
        store.prepare()
        first = indexes()
        store.prepare()
    assert indexes() == first
    assert first["answers"]["expiry"]["expireAfterSeconds"] == 0
    assert first["history"].keys() == {"_id_", "expiry", "time", "status", "provider"}


@pytest.fixture(scope="module")
def faulty() -> Iterator[Mongo]:
    """A server that fails as it is told to."""
    with standalone(parameters=(FAULTS_ON_DEMAND,)) as mongo:
        yield mongo


def test_indexes_may_take_longer_than_any_other_call(faulty: Mongo) -> None:
    keep_indexes_waiting(faulty, seconds=0.2)
    with store_at(faulty.uri, operation=0.15) as store:
        store.prepare()


@pytest.mark.parametrize("code", [6, 202, 9001, 11601, 14031])
def test_a_server_that_has_no_room_or_cannot_reach_another_is_an_outage(faulty: Mongo, code: int) -> None:
    failing = {"failCommands": ["find"], "errorCode": code}
    with MongoClient[dict[str, Any]](faulty.uri) as client:
        client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=failing)
    # Else the driver would try some of them again until the call's time is over.
    with store_at(f"{faulty.uri}&retryReads=false") as store, pytest.raises(Unavailable) as caught:
        store.find_many([request().person])
    assert str(caught.value.__cause__) == f"OperationFailure {code}"


def test_a_fault_shows_its_kind_and_none_of_its_text(unprepared: Place) -> None:
    """A collection with rules of its own refuses our documents, and the server tells all about them."""
    unprepared.raw.create_collection("answers", validator={"lock": {"$exists": True}})
    with closing(unprepared.store()) as store, pytest.raises(StoreFault) as caught:
        store.find_or_claim(request().person)
    assert str(caught.value) == "OperationFailure 121"
    assert "full error" not in shown(caught)


@pytest.mark.parametrize(
    ("codes", "ends"),
    [([189], Unavailable), ([14031, 10107], Unavailable), ([121], StoreFault), ([189, 121], StoreFault)],
    ids=["an outage", "outages of two kinds", "a fault", "an outage and a fault"],
)
def test_many_writes_together_fail_as_the_worst_of_them(codes: list[int], ends: type[Exception]) -> None:
    errors = [{"index": index, "code": code, "errmsg": SECRET} for index, code in enumerate(codes)]
    with pytest.raises(ends) as caught, driver_errors():
        raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})
    assert SECRET not in shown(caught)
    assert "BulkWriteError 121" in shown(caught) or ends is Unavailable
