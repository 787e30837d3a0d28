from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from adapters.answers.encryption import Tampered
from adapters.mongodb import MongoStore, StoreFault, UnderOldKeys
from function.history import HistoryQuery
from function.outcomes import Status
from function.ports import Claim
from tests.adapters.mongodb.conftest import KEY, OLD_KEY, Place, Shifted, a_prepared_place
from tests.contracts.stores import LEASE, Kept, request
from tests.doubles import INN
from tests.servers.mongod import Mongo, standalone
from tests.servers.process import wait_for

NEW_KEY = "n" * 32
# The claim's document refuses an answer: what a crash between the two writes leaves, made to happen.
NO_ANSWERS = {"status": {"$exists": False}}


@pytest.fixture
def place(prepared: tuple[Place, MongoStore]) -> Place:
    return prepared[0]


@pytest.fixture
def kept(prepared: tuple[Place, MongoStore]) -> Kept:
    return prepared[0].kept(prepared[1])


@pytest.fixture
def opened(place: Place) -> Iterator[Callable[..., Kept]]:
    """Stores with other keys in the same database."""
    stores: list[MongoStore] = []

    def one(*keys: str, **changes: Any) -> Kept:
        stores.append(place.store(*keys, **changes))
        return place.kept(stores[-1])

    yield one
    for store in stores:
        store.close()


def mongo_store(kept: Kept) -> MongoStore:
    assert isinstance(kept.store, MongoStore)
    return kept.store


def test_a_save_that_breaks_off_keeps_neither_on_a_replica_set(place: Place, kept: Kept) -> None:
    breaks_off(place, kept)
    assert place.raw["history"].count_documents({}) == 0
    assert kept.store.find(request().person) is None


def test_a_save_that_breaks_off_on_a_mongod_alone_is_made_whole_by_the_next(
    prepared_alone: tuple[Place, MongoStore],
) -> None:
    place, store = prepared_alone
    kept = place.kept(store)
    breaks_off(place, kept)
    assert [row.status for row in store.history(HistoryQuery())] == [Status.FOUND]
    assert store.find(request().person) is None
    assert store.claim(request().person) is None

    kept.later(LEASE + 1)
    kept.save(request(), kept.answer())
    assert store.find(request().person) == kept.answer()
    assert len(store.history(HistoryQuery())) == 1


def breaks_off(place: Place, kept: Kept) -> None:
    claim = kept.claimed(request())
    place.raw.command("collMod", "answers", validator=NO_ANSWERS)
    with pytest.raises(StoreFault):
        kept.store.save(claim, request(), kept.answer())
    place.raw.command("collMod", "answers", validator={})


def test_what_is_over_leaves_the_database_by_itself() -> None:
    with (
        standalone(parameters=("ttlMonitorSleepSecs=1",)) as mongo,
        a_prepared_place(mongo) as (place, store),
        closing(place.store(lease=0.1, history_lasts=timedelta(seconds=5))) as brief,
    ):
        kept = place.kept(store)
        kept.save(request(1), kept.answer(lasts=None))
        kept.save(request(2), kept.answer(age=20, lasts=10))
        place.kept(brief).save(request(3), kept.answer(age=20, lasts=None))
        brief.claim(request(4).person)

        def left() -> bool:
            answers = [document.get("status") for document in place.raw["answers"].find()]
            rows = [document["_id"]["request"] for document in place.raw["history"].find()]
            return answers == ["found", "found"] and sorted(rows) == ["r-1", "r-2"]

        assert wait_for(left, within=30, what="the TTL monitor")


def test_rows_past_their_time_are_not_shown(opened: Callable[..., Kept]) -> None:
    kept = opened(history_lasts=timedelta(days=1))
    kept.save(request(), kept.answer(lasts=None))
    assert len(kept.store.history(HistoryQuery())) == 1
    kept.later(86401)
    assert len(kept.store.history(HistoryQuery())) == 0


def test_an_answers_time_is_judged_by_the_clock_of_the_host_that_asks(
    opened: Callable[..., Kept],
) -> None:
    here, ahead = opened(), opened(clock=Shifted(timedelta(hours=2)))
    here.save(request(), here.answer(lasts=3600))
    assert here.store.find(request().person) is not None
    assert ahead.store.find(request().person) is None
    assert ahead.store.find_many([request().person]) == {}
    # The server holds the answer to be good: who is ahead can't serve it and need not fetch it.
    assert ahead.store.claim(request().person) is None


def test_answers_under_an_old_key_are_served_and_counted(opened: Callable[..., Kept]) -> None:
    old, both, new = opened(OLD_KEY), opened(NEW_KEY, OLD_KEY), opened(NEW_KEY)
    for number in (1, 2):
        old.save(request(number), old.answer())
    both.save(request(3), both.answer())
    assert both.store.find(request(1).person) == old.answer()
    known = both.store.find_many([request(number).person for number in (1, 2, 3, 4)])
    assert len(known) == 3
    counts = [mongo_store(kept).under_old_keys() for kept in (old, both, new)]
    assert counts == [UnderOldKeys(1, 1), UnderOldKeys(2, 2), UnderOldKeys(2, 2)]
    assert new.store.find(request(1).person) is None
    assert new.store.find(request(3).person) is not None


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        pytest.param((KEY,), 4, id="one key"),
        pytest.param((KEY, KEY), 4, id="one key, twice"),
        pytest.param((OLD_KEY, KEY), 3, id="two"),
        pytest.param((KEY, NEW_KEY, OLD_KEY), 0, id="all"),
    ],
)
def test_what_is_under_keys_that_are_not_ours_is_counted(
    opened: Callable[..., Kept], keys: tuple[str, ...], left: int
) -> None:
    # The names of these keys stand in the order in which they are given here, or in the reverse of it.
    for key, numbers in ((OLD_KEY, (1,)), (KEY, (2, 3)), (NEW_KEY, (4, 5, 6))):
        one = opened(key)
        for number in numbers:
            one.save(request(number), one.answer())
        one.claimed(request(9))
    assert mongo_store(opened(*keys)).under_unknown_keys() == UnderOldKeys(left, left)


def test_of_answers_under_two_keys_the_latest_is_served(opened: Callable[..., Kept]) -> None:
    old, both = opened(OLD_KEY), opened(NEW_KEY, OLD_KEY)
    both.save(request(), both.answer(Status.NOT_FOUND, age=60))
    old.save(request(), old.answer())
    assert both.store.find(request().person) == old.answer()
    assert both.store.find_many([request().person]) == {request().person: old.answer()}


def test_a_person_is_forgotten_under_every_key(opened: Callable[..., Kept]) -> None:
    old, both = opened(OLD_KEY), opened(NEW_KEY, OLD_KEY)
    old.save(request(), old.answer())
    both.save(request(requestId="again"), both.answer())
    erasure = both.store.forget(request().person)
    assert (erasure.answers, erasure.history) == (2, 2)
    assert old.store.find(request().person) is None


@pytest.mark.parametrize("keys", [(KEY, OLD_KEY), (KEY,)], ids=["still among ours", "taken out already"])
def test_what_is_under_other_keys_than_the_newest_is_erased_piece_by_piece(
    place: Place, opened: Callable[..., Kept], keys: tuple[str, ...]
) -> None:
    # Of the three names, which begin every id, the newest key's is neither the first nor the last.
    old, older, new = opened(OLD_KEY), opened(NEW_KEY), opened(*keys)
    names = [mongo_store(kept)._seals.names[0] for kept in (old, new, older)]
    assert names in (sorted(names), sorted(names, reverse=True))
    for number in (1, 2, 3):
        old.save(request(number), old.answer())
        older.save(request(number, requestId=f"older-{number}"), older.answer(Status.NOT_FOUND))
    new.save(request(1, requestId="new"), new.answer())
    old.claimed(request(4))
    erasure = mongo_store(new).forget_old_keys(piece=2)
    assert (erasure.answers, erasure.history) == (6, 6)
    assert [row.request_id for row in new.store.history(HistoryQuery())] == ["new"]
    assert new.store.find(request(1).person) == new.answer()
    assert old.store.claim(request(4).person) is None, "who holds a claim goes on"
    [record] = place.raw["erasures"].find()
    assert record.keys() == {"_id", "began_at", "done_at", "answers", "history"}
    assert (record["_id"], record["answers"], record["history"]) == (erasure.record_id, 6, 6)


def test_a_row_whose_key_is_gone_is_shown_without_its_person(opened: Callable[..., Kept]) -> None:
    opened(OLD_KEY).save(request(), opened(OLD_KEY).answer())
    [row] = opened(NEW_KEY).store.history(HistoryQuery(), reveal=True)
    assert (row.request_id, row.person, row.inn) == ("r-1", None, None)


def test_an_erasure_leaves_a_record_of_what_and_when_and_of_nobody(place: Place, kept: Kept) -> None:
    kept.save(request(), kept.answer())
    erasure = kept.store.forget(request().person)
    [record] = place.raw["erasures"].find()
    assert record.keys() == {"_id", "began_at", "done_at", "answers", "history"}
    assert (record["_id"], record["answers"], record["history"]) == (erasure.record_id, 1, 1)
    assert kept.started <= record["began_at"] <= record["done_at"]


def test_forgetting_a_person_leaves_a_fetch_that_is_under_way_its_claim(kept: Kept) -> None:
    kept.claimed(request())
    kept.store.forget(request().person)
    assert kept.store.claim(request().person) is None


def test_an_inn_moved_to_another_person_is_noticed(place: Place, kept: Kept) -> None:
    kept.save(request(1), kept.answer())
    kept.save(request(2), kept.answer())
    first, second = place.raw["answers"].find()
    place.raw["answers"].update_one({"_id": second["_id"]}, {"$set": {"inn": first["inn"]}})
    noticed = 0
    for number in (1, 2):
        try:
            kept.store.find(request(number).person)
        except Tampered:
            noticed += 1
    assert noticed == 1


def test_a_row_moved_to_another_request_is_noticed(place: Place, kept: Kept) -> None:
    kept.save(request(1), kept.answer())
    row = place.raw["history"].find_one_and_delete({})
    assert row is not None
    row["_id"]["request"] = "another"
    place.raw["history"].insert_one(row)
    with pytest.raises(Tampered):
        kept.store.history(HistoryQuery(), reveal=True)


PERSONAL: dict[str, Any] = {
    "lastName": "Небывальцев",
    "firstName": "Велимудр",
    "middleName": "Златозарович",
    "birthDate": "1961-07-23",
    "birthPlace": "Тридевятое",
    "documentSerial": "8765",
    "documentNumber": "432198",
    "documentDate": "2006-09-14",
}
FORMS = ("utf-8", "utf-16-le", "cp1251", "koi8-r")


def test_a_dump_shows_nobody_nor_does_the_servers_log(mongo: Mongo, place: Place, kept: Kept) -> None:
    place.raw.command("profile", 0, slowms=-1)  # every command goes to the log
    for status in (Status.FOUND, Status.NOT_FOUND):
        kept.save(request(requestId=f"r-{status}", **PERSONAL), kept.answer(status, age=9, lasts=5))
    kept.save(request(requestId="r-last", **PERSONAL), kept.answer())
    kept.store.forget(request(2, **{**PERSONAL, "documentNumber": "900001"}).person)
    kept.claimed(request(3, **{**PERSONAL, "documentNumber": "900002"}))
    kept.store.find(request(**PERSONAL).person)
    place.raw.command("profile", 0, slowms=100)
    dump = dumped(place)
    assert b"r-last" in dump
    for text in secrets():
        assert not [form for form in FORMS if text.encode(form) in dump], text

    for file in files_of(mongo):
        content = file.read_bytes()
        # A number of four digits is bound to come up in so many bytes.
        assert not [text for text in secrets() if len(text) > 4 and text.encode() in content], file


def secrets() -> list[str]:
    folded = [value.casefold() for value in PERSONAL.values()]
    whole = PERSONAL["documentSerial"] + PERSONAL["documentNumber"]
    return [*PERSONAL.values(), *folded, whole, "23.07.1961", "19610723", INN, INN[:10], KEY]


def dumped(place: Place) -> bytes:
    """Every document, byte by byte, as mongodump writes it; and what the indexes are made of."""
    as_bytes = place.raw.with_options(CodecOptions(document_class=RawBSONDocument))
    collections = [as_bytes[name] for name in place.raw.list_collection_names()]
    raw = b"".join(document.raw for collection in collections for document in collection.find())
    return raw + str([collection.index_information() for collection in collections]).encode()


def files_of(mongo: Mongo) -> list[Path]:
    """What the servers have on their disks, their logs too."""
    return [file for member in mongo.members for kind in ("*.wt", "*.log") for file in member.folder.rglob(kind)]


def test_a_claim_says_nothing_of_the_person_either(place: Place, kept: Kept) -> None:
    claim = kept.store.claim(request().person)
    assert isinstance(claim, Claim)
    [document] = place.raw["answers"].find()
    assert document.keys() == {"_id", "claim", "expires_at"}
    assert document["claim"].keys() == {"token", "until"}
