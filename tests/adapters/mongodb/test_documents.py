from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from adapters.answers.key_ring import Tampered
from adapters.mongodb import MongoStore, StoredCounts, StoreFault
from function.history_and_erasure import HistoryQuery
from function.outcomes import Status
from function.rate_limit import DenialReason, Denied, Permit, RateLimit, moscow_day
from tests.adapters.mongodb.conftest import KEY, OLD_KEY, Place, a_prepared_place
from tests.contracts.rate_limiter import denied
from tests.contracts.stores import LEASE, TICKET_SEC, StoreHarness, at_once, request
from tests.doubles import INN, FixedClock
from tests.servers.mongod import Mongo, standalone
from tests.servers.process import wait_for

NEW_KEY = "n" * 32

Open = Callable[..., StoreHarness]


@pytest.fixture
def opened(place: Place) -> Iterator[Open]:
    """Stores with other keys in the same database."""
    with ExitStack() as stack:
        yield lambda *keys, **changes: place.harness(stack.enter_context(closing(place.store(*keys, **changes))))


class Keys(NamedTuple):
    """Stores of an old key, of the newest and the old, and of the newest alone."""

    old: StoreHarness
    both: StoreHarness
    new: StoreHarness


@pytest.fixture
def keys(opened: Open) -> Keys:
    return Keys(opened(OLD_KEY), opened(NEW_KEY, OLD_KEY), opened(NEW_KEY))


def move(place: Place, name: str) -> None:
    """What the first document has under this name has the second, too."""
    first, second = place.raw["answers"].find()
    place.raw["answers"].update_one({"_id": second["_id"]}, {"$set": {name: first[name]}})


def mongo_store(harness: StoreHarness) -> MongoStore:
    assert isinstance(harness.store, MongoStore)
    return harness.store


def test_a_save_that_breaks_off_is_made_whole_by_the_next(place: Place, harness: StoreHarness) -> None:
    claim = harness.claim(request())
    # The document refuses an answer: what a crash between the two writes leaves, made to happen.
    place.raw.command("collMod", "answers", validator={"status": {"$exists": False}})
    with pytest.raises(StoreFault):
        harness.store.save(claim, request(), harness.answer())
    place.raw.command("collMod", "answers", validator={})
    assert [row.status for row in harness.store.history(HistoryQuery())] == [Status.FOUND]
    assert harness.find(request().person) is None
    assert harness.is_claimed(request())

    harness.later(LEASE + 1)
    harness.save(request(), harness.answer())
    assert harness.find(request().person) == harness.answer()
    assert len(harness.store.history(HistoryQuery())) == 1


def test_what_is_over_leaves_the_database_by_itself() -> None:
    with (
        standalone(parameters=("ttlMonitorSleepSecs=1",)) as mongo,
        a_prepared_place(mongo) as (place, store),
        closing(place.store(lease=0.1, history_lasts=timedelta(seconds=5))) as brief,
    ):
        harness = place.harness(store)
        harness.save(request(1), harness.answer(lasts=None))
        harness.save(request(2), harness.answer(age=20, lasts=10))
        short = place.harness(brief)
        short.save(request(3), short.answer(age=20, lasts=None))
        harness.store.keep_ticket(harness.claim(request(5)), harness.ticket(), 0)
        short.claim(request(4))
        short.store.keep_ticket(short.claim(request(6)), short.ticket()._replace(expires_at=short.started), 0)

        def left() -> bool:
            answers = [document.get("status") for document in place.raw["answers"].find()]
            rows = [document["_id"]["request"] for document in place.raw["history"].find()]
            return answers == ["found", "found", None] and sorted(rows) == ["r-1", "r-2"]

        assert wait_for(left, within=30, what="the TTL monitor")


def test_rows_past_their_time_are_not_shown(opened: Open) -> None:
    harness = opened(history_lasts=timedelta(days=1))
    harness.save(request(), harness.answer(lasts=None))
    assert len(harness.store.history(HistoryQuery())) == 1
    harness.later(86401)
    assert len(harness.store.history(HistoryQuery())) == 0


def test_an_answers_time_is_judged_by_the_clock_of_the_host_that_asks(opened: Open) -> None:
    here, ahead = opened(), opened(clock=FixedClock(datetime.now(UTC) + timedelta(hours=2)))
    here.save(request(), here.answer(lasts=3600))
    assert here.find(request().person) is not None
    assert ahead.find(request().person) is None
    # The server holds the answer to be good: who is ahead can't serve it and need not fetch it.
    assert ahead.is_claimed(request())


def test_answers_under_an_old_key_are_served_and_counted_and_of_two_the_latest(keys: Keys) -> None:
    old, both, new = keys
    for number in (1, 2):
        old.save(request(number), old.answer())
    both.save(request(3), old.answer())
    known = both.store.find_many([request(number).person for number in (1, 2, 3, 4)])
    assert known == {request(number).person: old.answer() for number in (1, 2, 3)}
    counts = [mongo_store(harness).count_under_old_keys() for harness in keys]
    assert counts == [StoredCounts(1, 1), StoredCounts(2, 2), StoredCounts(2, 2)]
    assert new.find(request(1).person) is None
    both.save(request(5), both.answer(Status.NOT_FOUND, age=60))
    old.save(request(5), old.answer())
    assert both.find(request(5).person) == both.store.find_or_claim(request(5).person) == old.answer()


def test_what_is_under_keys_that_are_not_ours_is_counted(opened: Open) -> None:
    # The names of these keys stand in the order in which they are given here, or in the reverse of it.
    for key, numbers in ((OLD_KEY, (1,)), (KEY, (2, 3)), (NEW_KEY, (4, 5, 6))):
        one = opened(key)
        for number in numbers:
            one.save(request(number), one.answer())
        one.claim(request(9))
    for ours, left in ((KEY,), 4), ((KEY, KEY), 4), ((OLD_KEY, KEY), 3), ((KEY, NEW_KEY, OLD_KEY), 0):
        assert mongo_store(opened(*ours)).count_under_unknown_keys() == StoredCounts(left, left)


def test_a_person_is_forgotten_under_every_key_and_so_is_a_ticket(place: Place, keys: Keys) -> None:
    old, both, _ = keys
    both.save(request(1, requestId="again"), both.answer())
    old.save(request(1), old.answer())
    old.pend(request(2))
    erasure, _ = [both.store.forget(request(number).person) for number in (1, 2)]
    assert (erasure.answers, erasure.history) == (2, 2)
    assert old.find(request(1).person) is None
    assert old.claim(request(2)).ticket is None
    record, _ = place.raw["erasures"].find().sort("began_at")
    assert record.keys() == {"_id", "began_at", "done_at", "answers", "history"}, "nobody"
    assert (record["_id"], record["answers"], record["history"]) == (erasure.record_id, 2, 2)
    assert old.started <= record["began_at"] <= record["done_at"]


@pytest.mark.parametrize("keys", [(KEY, OLD_KEY), (KEY,)], ids=["still among ours", "taken out already"])
def test_what_is_under_other_keys_than_the_newest_is_erased_batch_by_batch(
    place: Place, opened: Open, keys: tuple[str, ...]
) -> None:
    # Of the three names, which begin every id, the newest key's is neither the first nor the last.
    old, older, new = opened(OLD_KEY), opened(NEW_KEY), opened(*keys)
    names = [mongo_store(harness)._encryption.key_names[0] for harness in (old, new, older)]
    assert names in (sorted(names), sorted(names, reverse=True))
    new.save(request(1, requestId="new"), new.answer())
    for number in (1, 2, 3):
        old.save(request(number), old.answer())
        older.save(request(number, requestId=f"older-{number}"), older.answer(Status.NOT_FOUND))
    old.claim(request(4))
    for each in (new, older):
        each.store.keep_ticket(each.claim(request(5)), each.ticket(), 0)
    erasure = mongo_store(new).forget_old_keys(batch=2)
    assert (erasure.answers, erasure.history) == (6, 6)
    assert [row.request_id for row in new.store.history(HistoryQuery())] == ["new"]
    assert new.find(request(1).person) == new.answer()
    assert old.is_claimed(request(4)), "a claim stays its worker's"
    assert [each.claim(request(5)).ticket for each in (older, new)] == [None, new.ticket()]
    [record] = place.raw["erasures"].find()
    assert (record["answers"], record["history"]) == (6, 6)


def test_what_is_moved_to_another_person_or_request_is_noticed(place: Place, harness: StoreHarness) -> None:
    for number in (1, 2):
        harness.save(request(number), harness.answer())
    move(place, "inn")
    with pytest.raises(Tampered):
        harness.store.find_or_claim(request(2).person)
    row = place.raw["history"].find_one_and_delete({}) or {}
    row["_id"]["request"] = "another"
    place.raw["history"].insert_one(row)
    with pytest.raises(Tampered):
        harness.store.history(HistoryQuery(), reveal=True)
    place.raw["answers"].delete_many({})
    for number in (1, 2):
        harness.pend(request(number))
    move(place, "ticket")
    with pytest.raises(Tampered):
        harness.store.find_or_claim(request(2).person)


PERSONAL: dict[str, Any] = {
    "lastName": "Небывальцев", "firstName": "Велимудр", "middleName": "Златозарович", "birthDate": "1961-07-23",
    "birthPlace": "Тридевятое", "documentSerial": "8765", "documentNumber": "432198", "documentDate": "2006-09-14",
}  # fmt: skip
TICKET_VALUE = "5EC2E7-71C4E7"
FORMS = ("utf-8", "utf-16-le", "cp1251", "koi8-r")


def test_a_dump_shows_nobody_nor_does_the_servers_log(mongo: Mongo, place: Place, harness: StoreHarness) -> None:
    place.raw.command("profile", 0, slowms=-1)  # every command goes to the log
    for status in (Status.FOUND, Status.NOT_FOUND):
        harness.save(request(requestId=f"r-{status}", **PERSONAL), harness.answer(status, age=9, lasts=5))
    harness.save(request(requestId="r-last", **PERSONAL), harness.answer())
    harness.store.forget(request(2, **{**PERSONAL, "documentNumber": "900001"}).person)
    harness.claim(request(4, **{**PERSONAL, "documentNumber": "900003"}))
    claim = harness.claim(request(3, **{**PERSONAL, "documentNumber": "900002"}))
    harness.store.keep_ticket(claim, harness.ticket(TICKET_VALUE), 10)
    harness.find(request(**PERSONAL).person)
    place.raw.command("profile", 0, slowms=100)
    dump = dumped(place)
    assert b"r-last" in dump
    for text in secrets():
        assert not [form for form in FORMS if text.encode(form) in dump], text

    # What the servers have on their disks, their logs too.
    files = [file for member in mongo.members for kind in ("*.wt", "*.log") for file in member.folder.rglob(kind)]
    for file in files:
        content = file.read_bytes()
        # A number of four digits is bound to come up in so many bytes.
        assert not [text for text in secrets() if len(text) > 4 and text.encode() in content], file


def secrets() -> list[str]:
    folded = [value.casefold() for value in PERSONAL.values()]
    whole = PERSONAL["documentSerial"] + PERSONAL["documentNumber"]
    return [*PERSONAL.values(), *folded, whole, "23.07.1961", "19610723", INN, INN[:10], KEY, TICKET_VALUE]


def dumped(place: Place) -> bytes:
    """Every document, byte by byte, as mongodump writes it; and what the indexes are made of."""
    as_bytes = place.raw.with_options(CodecOptions(document_class=RawBSONDocument))
    collections = [as_bytes[name] for name in place.raw.list_collection_names()]
    raw = b"".join(document.raw for collection in collections for document in collection.find())
    return raw + str([collection.index_information() for collection in collections]).encode()


def test_a_document_lives_as_long_as_its_claim_and_its_ticket(place: Place, harness: StoreHarness) -> None:
    def times() -> list[datetime]:
        [document] = place.raw["answers"].find()
        return [document["expires_at"], document["claim"]["until"]]

    claim = harness.claim(request())
    assert times()[0] == times()[1] > harness.started
    harness.store.keep_ticket(claim, harness.ticket(), 1)
    ticket = harness.ticket()
    assert times()[1] < times()[0] == ticket.expires_at
    harness.later(2)
    polling = harness.claim(request())
    ends = ticket.expires_at - timedelta(seconds=2)
    assert times()[0] == ends
    harness.later(TICKET_SEC - 30)
    harness.store.renew([polling])
    assert times()[0] == times()[1]


def test_a_ticket_is_kept_where_the_document_has_expired_meanwhile(place: Place, harness: StoreHarness) -> None:
    claim = harness.claim(request())
    place.raw["answers"].delete_many({})
    harness.store.keep_ticket(claim, harness.ticket(), 0)
    assert harness.claim(request()).ticket == harness.ticket()


def test_a_ticket_that_was_kept_under_an_old_key_is_polled_on_until_it_is_dropped(keys: Keys) -> None:
    old, both, _ = keys
    old.store.keep_ticket(old.claim(request()), old.ticket(), 10)
    assert both.is_claimed(request()), "the wait of the old key's worker is not over"
    both.later(11)
    for _ in range(2):
        claim = both.claim(request())
        assert claim.ticket == old.ticket()
        both.store.release(claim)
    both.store.release(both.claim(request())._replace(ticket=None))
    assert both.claim(request()).ticket is None
    assert old.claim(request()).ticket is None
    both.pend(request(2), "newest")
    old.pend(request(2), "old")
    assert both.claim(request(2)).ticket == both.ticket("newest")


def test_under_a_key_that_is_gone_a_row_has_no_person_and_a_ticket_is_none(place: Place, keys: Keys) -> None:
    keys.old.save(request(9), keys.old.answer())
    [row] = keys.new.store.history(HistoryQuery(), reveal=True)
    assert (row.request_id, row.person, row.inn) == ("r-9", None, None)
    place.raw["answers"].delete_many({})
    keys.old.pend(request())
    keys.new.store.release(keys.new.claim(request()))
    move(place, "ticket")
    assert keys.new.claim(request()).ticket is None


def test_whoever_an_old_keys_worker_has_claimed_or_answered_is_not_claimed_again(keys: Keys) -> None:
    old, both, _ = keys
    old.claim(request(1))
    old.save(request(2), old.answer(lasts=100))
    assert both.is_claimed(request(1))
    assert both.store.find_or_claim(request(2).person) == old.answer(lasts=100)
    both.later(101)
    for number in (1, 2):
        both.claim(request(number))


def test_of_the_workers_of_several_processes_one_gets_the_claim(opened: Open) -> None:
    processes = [opened().store for _ in range(3)]
    claims = at_once(lambda number: processes[number % 3].find_or_claim(request().person), 48)
    assert len([claim for claim in claims if claim is not None]) == 1


LIMIT = RateLimit(min_interval=100, cooldown=1000, daily_limit=3, probe_lease=300)


@pytest.mark.parametrize(
    ("stored", "result"),
    [
        ({"closed_until": 500, "level": 1}, denied(DenialReason.COOLING_DOWN, 500)),
        ({"closed_until": -1, "level": 2}, Permit(probe=True)),
        ({"closed_until": -1, "level": 2, "probe_until": 200}, denied(DenialReason.HALF_OPEN, 200)),
        # Earlier versions gave permits for later.
        ({"next_free": 400, "slot": 300, "taken": True, "now": 0}, denied(DenialReason.PACED, 400)),
        ({"day": "today", "count": 2}, Permit()),
        ({}, Permit()),
    ],
    ids=["cooling down", "half-open", "probed", "paced", "in the middle of a day", "new"],
)
def test_the_state_that_an_earlier_version_left_is_understood(
    place: Place, harness: StoreHarness, stored: dict[str, Any], result: Permit | Denied
) -> None:
    now = harness.started.timestamp()
    times: dict[str, Any] = {
        name: now + stored[name] for name in ("closed_until", "probe_until", "next_free") if name in stored
    }
    day = {"day": moscow_day(now)} if "day" in stored else {}
    place.raw["providers"].insert_one({"_id": "nalog", **stored, **times, **day})
    assert harness.store.acquire("nalog", LIMIT) == result
    after = place.raw["providers"].find_one({"_id": "nalog"}) or {}
    if isinstance(result, Permit):
        assert {"next_free", "closed_until", "level", "probe_until", "day", "count"} <= after.keys()
        assert after["count"] == stored.get("count", 0) + 1
