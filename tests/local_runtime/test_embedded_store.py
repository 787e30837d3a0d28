import multiprocessing
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from function.outcomes import Reason
from function.ports import Claim, Unavailable
from local_runtime.store import EmbeddedStore, StoreUnusable
from local_runtime.store.database import Database
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.history import HistoryContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.stores import LEASE, StoreHarness, at_once, request
from tests.doubles import NOW, FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "inn.sqlite"


@pytest.fixture
def harness(path: Path, clock: FixedClock) -> Iterator[StoreHarness]:
    def later(seconds: float) -> None:
        clock.time += timedelta(seconds=seconds)

    with closing(EmbeddedStore(path, lease=LEASE, clock=clock)) as store:
        yield StoreHarness(store, later, NOW)


class TestEmbeddedStore(AnswerStoreContract, RateLimiterContract, HistoryContract): ...


def test_what_was_saved_is_there_after_a_restart_and_the_claim_of_a_dead_process_too(
    path: Path, harness: StoreHarness, clock: FixedClock
) -> None:
    harness.save(request(1), harness.answer())
    harness.claim(request(2))
    # The one before is not closed: as after kill -9.
    with closing(EmbeddedStore(path, lease=LEASE, clock=clock)) as after:
        assert after.find_many([request(1).person]) == {request(1).person: harness.answer()}
        assert after.find_or_claim(request(2).person) is None


def test_what_has_expired_leaves_the_file_at_the_next_start(
    path: Path, harness: StoreHarness, clock: FixedClock
) -> None:
    harness.save(request(1), harness.answer(lasts=10))
    harness.save(request(2), harness.answer(lasts=None))
    harness.claim(request(3))
    harness.later(LEASE + 1)
    EmbeddedStore(path, clock=clock).close()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT (SELECT count(*) FROM answers), (SELECT count(*) FROM claims)").fetchone() == (1, 0)


def test_a_commit_is_on_the_disk_before_it_is_reported(path: Path) -> None:
    with closing(Database(path, now=0)) as database, database.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_nobody_else_may_read_what_is_kept(path: Path, harness: StoreHarness) -> None:
    harness.save(request(), harness.answer())
    private = dict.fromkeys(("inn.sqlite", "inn.sqlite-wal", "inn.sqlite-shm"), 0o600)
    assert _modes(path.parent) == private
    assert path.parent.stat().st_mode & 0o777 == 0o700
    # Files that others could read are closed to them, and a folder that was there is left as it is.
    for file in (*path.parent.iterdir(), path.parent):
        file.chmod(0o755)
    EmbeddedStore(path).close()
    assert _modes(path.parent) == private
    assert path.parent.stat().st_mode & 0o777 == 0o755


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_a_write_that_fails_half_way_leaves_nothing(path: Path, harness: StoreHarness) -> None:
    claim = harness.claim(request())
    with closing(sqlite3.connect(path)) as file:
        file.execute("DROP TABLE history")
    with pytest.raises(sqlite3.OperationalError):
        harness.store.save(claim, request(), harness.answer())
    assert harness.find(request().person) is None
    assert harness.store.find_or_claim(request().person) is None


def test_a_file_that_another_process_holds_too_long_is_unavailable(path: Path) -> None:
    with closing(EmbeddedStore(path, busy=0.05)) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable) as caught:
                store.find_or_claim(request().person)
            assert caught.value.reason is Reason.STORE_UNAVAILABLE
            assert store.find_many([request().person]) == {}
        assert isinstance(store.find_or_claim(request().person), Claim)


def test_a_file_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path) -> None:
    file, folder, damaged = tmp_path / "file", tmp_path / "folder", tmp_path / "damaged.sqlite"
    file.write_text("x")
    folder.mkdir()
    damaged.write_bytes(b"no database " * 100)
    newer, held = (sqlite3.connect(tmp_path / name, isolation_level=None) for name in ("newer", "held"))
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    held.execute("BEGIN EXCLUSIVE")
    elsewhere = "; name a folder that this user may write to"
    for path, said in (
        (file / "inn.sqlite", f"nothing can be kept in {file}: it is not a folder{elsewhere}"),
        (file / "folder" / "inn.sqlite", f"nothing can be kept in {file}/folder: Not a directory{elsewhere}"),
        (Path("/proc/x/inn.sqlite"), f"nothing can be kept in /proc/x: No such file or directory{elsewhere}"),
        (folder, f"nothing can be kept in {tmp_path}: unable to open database file{elsewhere}"),
        (damaged, f"{damaged} is damaged, or not a file of this program: delete it and start again"),
        (tmp_path / "newer", f"{tmp_path}/newer was made by another version: delete it and start again"),
        (tmp_path / "held", f"another process has {tmp_path}/held locked: end it, and start again"),
    ):
        with pytest.raises(StoreUnusable) as caught:
            EmbeddedStore(path, busy=0.05)
        assert str(caught.value) == said
    held.close()


def claims_of_a_process(path: Path, ready: "multiprocessing.synchronize.Barrier") -> list[str]:
    """Open a new file together with other processes; what 20 threads get that claim one person."""
    ready.wait(60)
    store = EmbeddedStore(path)

    def claim(_: int) -> str:
        try:
            return type(store.find_or_claim(request().person)).__name__
        except Exception as exc:  # noqa: BLE001  # which of them, the test tells
            return repr(exc)

    claims = at_once(claim, 20, threads=20)
    store.close()
    return list(claims)


def test_of_many_processes_one_gets_the_claim(tmp_path: Path) -> None:
    processes = 3
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(processes) as pool:
        arguments = [(tmp_path / "inn.sqlite", manager.Barrier(processes))] * processes
        claims = sum(map(Counter, pool.starmap_async(claims_of_a_process, arguments).get(60)), start=Counter())
    assert claims == {"Claim": 1, "NoneType": 20 * processes - 1}
