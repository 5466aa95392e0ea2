"""The journal when SQLite, the disk or its neighbours refuse: every way out closes, says why and loses no row of orders."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from orderflow_tui.adapters.journal import BrokenChain, DiskFull, DuplicateRow, Journal, JournalError, Run
from orderflow_tui.adapters.journal_market import BEATS_IN_SILENCE
from orderflow_tui.adapters.journal_memory import SyncJournal, connect, read_events, read_observations
from orderflow_tui.adapters.journal_schema import EMPTY, configure, entry_of, events, verify
from orderflow_tui.adapters.journal_store import HeadFile, MarketStore, OrderStore, is_full, lock_holder, private_file
from orderflow_tui.domain.action import Row
from orderflow_tui.domain.event import Event, JournalFailed
from tests.adapters.small_disk import fill, small_disk

NOW = 1_790_000_000_000_000_000


class Scripted(sqlite3.Connection):
    """A connection on which statements beginning with `word` fail with an SQLite code, or everything from a count on."""

    word = ""
    code = 0
    countdown = -1

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._stumble(str(args[0]))
        return super().execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        self._stumble(str(args[0]))
        return super().executemany(*args)

    def _stumble(self, statement: str) -> None:
        cls = type(self)
        if cls.countdown > 0:
            cls.countdown -= 1
        due = cls.countdown == 0
        if due or (cls.word and statement.startswith(cls.word)):
            cls.countdown = -1
            fault = sqlite3.OperationalError("scripted trouble")
            fault.sqlite_errorcode = cls.code
            raise fault


@pytest.fixture(autouse=True)
def _calm() -> None:
    Scripted.word, Scripted.code, Scripted.countdown = "", sqlite3.SQLITE_IOERR, -1


def note(ref: str) -> Row:
    return Row("orders", "note", ref, NOW, {})


def bar(ref: str) -> Row:
    return Row("market", "bar", ref, NOW, {})


async def opened(folder: Path) -> Journal:
    return await Journal.open(folder, Run("r1", "demo"), clock=lambda: NOW, factory=Scripted)


async def test_whatever_statement_fails_while_opening_nothing_stays_open_and_the_next_start_works(tmp_path: Path) -> None:
    before, failed = set(threading.enumerate()), 0
    for nth in range(1, 80):
        Scripted.countdown = nth
        try:
            journal = await opened(tmp_path / str(nth))
        except JournalError:
            failed += 1
            for thread in set(threading.enumerate()) - before:
                thread.join(60.0)
                assert not thread.is_alive(), "the connections' threads end with the failed start"
            Scripted.countdown = -1
            journal = await opened(tmp_path / str(nth))
        finished = Scripted.countdown > 0
        Scripted.countdown = -1
        await journal.commit([note("after")])
        await journal.close()
        if finished:
            break
    assert failed > 15


async def test_a_full_disk_gives_up_the_reserve_once_and_stops_the_market(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    journal.record(bar("waits"))
    Scripted.word, Scripted.code = "INSERT INTO event", sqlite3.SQLITE_FULL
    with pytest.raises(DiskFull, match="the 4 MiB reserve was given up"):
        await journal.commit([note("a")])
    with pytest.raises(DiskFull, match="the reserve is used up"):
        await journal.commit([note("b")])
    Scripted.word = ""
    assert journal.lost_market_rows == 1
    await journal.commit([note("halt")])
    await journal.close()
    assert [s.row.ref for s in read_events(tmp_path, ("note",))] == ["halt"]
    again = await opened(tmp_path)
    assert any("the disk has been full" in sentence for sentence in again.notes)
    await again.close()


async def test_market_rows_wait_through_trouble_and_give_way_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await opened(tmp_path)
    whole = journal._market.store.append

    def refuse(*_: Any, **__: Any) -> None:
        raise JournalError("locked for a moment")

    def full(*_: Any, **__: Any) -> None:
        raise DiskFull("no room")

    journal.record(bar("first"))
    monkeypatch.setattr(journal._market.store, "append", refuse)
    with pytest.raises(JournalError, match="for a moment"):
        await journal.flush()
    monkeypatch.setattr(journal._market.store, "append", whole)
    await journal.flush()
    assert [s.row.ref for s in read_observations(tmp_path, "bar")] == ["first"]
    journal.record(bar("second"))
    monkeypatch.setattr(journal._market.store, "append", full)
    with pytest.raises(DiskFull):
        await journal.flush()
    journal.record(bar("third"))
    assert journal.lost_market_rows == 2
    await journal.commit([note("orders go on")])
    await journal.close()


async def test_the_wal_is_moved_into_the_file_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderflow_tui.adapters.journal.TURNS_PER_CHECKPOINT", 2)
    journal = await opened(tmp_path)
    size = (tmp_path / "orders.sqlite").stat().st_size
    for number in range(60):
        await journal.commit([Row("orders", "note", str(number), NOW, {"text": "x" * 400})])
    assert (tmp_path / "orders.sqlite").stat().st_size > size
    await journal.close()
    assert not (tmp_path / "orders.sqlite-wal").exists()


async def test_a_commit_that_waits_while_the_journal_is_shut_is_told(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    Scripted.word = "BEGIN"
    journal.record(note("stuck"))
    with pytest.raises(JournalError):
        await journal.commit([note("a")])
    waiting = journal.commit([note("b")])
    await journal._shut()
    with pytest.raises(JournalError):
        await waiting


async def test_a_commit_on_the_spot_takes_what_waits_with_it_in_order(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    fill = Row("orders", "fill", "x", NOW, {"base_id": "x", "revision": 1})
    for row in (note("a"), fill, fill):
        journal.record(row)
    waiting = journal.commit([note("b")])
    journal.commit_now([note("c")])
    assert [s.row.ref for s in read_events(tmp_path, ("note", "fill"))] == ["a", "x", "b", "c"]
    await waiting
    await journal.flush()
    assert [s.row.kind for s in read_events(tmp_path, ("fill", "duplicate"))] == ["fill", "duplicate"]
    with pytest.raises(DuplicateRow):
        journal.commit_now([fill])
    await journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.commit_now([note("d")])


async def test_a_commit_on_the_spot_that_fails_keeps_recorded_rows_and_tells_who_waits(tmp_path: Path) -> None:
    told: list[Event] = []
    journal = await Journal.open(tmp_path, Run("r1", "demo"), post=told.append, clock=lambda: NOW, factory=Scripted)
    journal.record(note("kept"))
    waiting = journal.commit([note("refused")])
    Scripted.word = "COMMIT"
    with pytest.raises(JournalError, match="scripted trouble"):
        journal.commit_now([note("refused too")])
    Scripted.word = ""
    with pytest.raises(JournalError, match="scripted trouble"):
        await waiting
    await journal.flush()
    assert [s.row.ref for s in read_events(tmp_path, ("note",))] == ["kept"]
    assert [type(event) for event in told] == [JournalFailed]
    await journal.close()


async def test_a_writer_that_was_told_to_end_tells_those_it_was_writing_for(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    waiting = asyncio.ensure_future(journal.commit([note("a")]))
    for _ in range(3):
        await asyncio.sleep(0)
    await journal._shut()
    with pytest.raises(JournalError):
        await waiting


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the file for itself."""
    script = (
        "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],isolation_level=None)\nc.execute('PRAGMA locking_mode=EXCLUSIVE')\n"
        "c.execute('BEGIN EXCLUSIVE')\nprint('held',flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            yield
        finally:
            holder.stdin.close()
            holder.wait()


async def test_a_market_file_that_is_locked_at_the_start_stays_and_takes_rows_again_when_it_is_free(tmp_path: Path) -> None:
    first = await opened(tmp_path)
    first.record(bar("kept"))
    await first.close()
    with locked(tmp_path / "market.sqlite"):
        journal = await opened(tmp_path)
        assert "market.sqlite is locked by" in journal.market_trouble
        journal.record(bar("waits"))
        await journal.commit([note("orders go on")])
        with pytest.raises(JournalError, match="is locked by"):
            await journal.flush()
    await journal.flush()
    assert journal.market_trouble == ""
    assert journal.lost_market_rows == 0
    await journal.close()
    assert [s.row.ref for s in read_observations(tmp_path, "bar")] == ["kept", "waits"]
    assert not list(tmp_path.glob("*.aside-*"))


async def test_a_damaged_market_file_is_moved_aside_with_its_wal(tmp_path: Path) -> None:
    (tmp_path / "market.sqlite").write_bytes(b"not a database at all" * 100)
    (tmp_path / "market.sqlite-wal").write_bytes(b"its rows")
    journal = await opened(tmp_path)
    await journal.close()
    (aside,) = tmp_path.glob("*.aside-*[0-9]")
    assert Path(f"{aside}-wal").read_bytes() == b"its rows"
    assert aside.name in journal.notes[0]


async def test_a_market_file_of_a_newer_program_is_moved_aside(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "market.sqlite")) as conn:
        conn.execute("PRAGMA user_version=99")
    journal = await opened(tmp_path)
    await journal.close()
    assert "has schema 99, this program knows 1" in journal.notes[0]


async def test_a_market_file_that_cannot_be_moved_aside_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "market.sqlite").write_bytes(b"not a database at all" * 100)

    def refuse(self: Path, target: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        journal = await opened(tmp_path)
    assert "could not be moved aside: Permission denied" in journal.market_trouble
    await journal.close()


async def test_what_cannot_be_a_market_file_stops_nobody_and_the_log_counts_what_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "market.sqlite").mkdir()
    told: list[str] = []
    sink = logger.add(told.append, format="{message}", level="WARNING")
    try:
        journal = await opened(tmp_path)
        assert "cannot be opened" in journal.market_trouble
        for number in range(3):
            journal.record(bar(str(number)))
        await journal.commit([note("orders go on")])
        await journal.close()
        await journal.close()
    finally:
        logger.remove(sink)
    assert len([line for line in told if line.startswith("3 market rows of this run are not in ")]) == 1
    assert journal.lost_market_rows == 3


async def test_a_lock_of_a_moment_is_no_trouble_and_one_that_stays_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderflow_tui.adapters.journal_market.BEAT_S", 0.01)
    journal = await opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "market.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        journal.record(bar("waits"))
        with pytest.raises(JournalError):
            await journal.flush()
        assert journal.market_trouble == ""
        while not journal.market_trouble:
            await asyncio.sleep(0.05)
        holder.execute("ROLLBACK")
    await journal.flush()
    assert journal.market_trouble == ""
    await journal.close()
    assert [s.row.ref for s in read_observations(tmp_path, "bar")] == ["waits"]


async def test_a_market_file_that_was_removed_is_trouble_and_takes_no_row(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    (tmp_path / "market.sqlite").unlink()
    journal.record(bar("gone"))
    for _ in range(BEATS_IN_SILENCE):
        with pytest.raises(JournalError, match="moved or removed"):
            await journal.flush()
    assert "moved or removed" in journal.market_trouble
    await journal.commit([note("orders go on")])
    await journal.close()


async def test_the_death_of_the_market_writer_takes_no_row_of_orders_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderflow_tui.adapters.journal_market.BEAT_S", 0.01)
    told: list[Event] = []
    journal = await Journal.open(tmp_path, Run("r1", "demo"), post=told.append, clock=lambda: NOW)

    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(journal._market.store, "append", bug)
    journal.record(bar("lost"))
    while not journal.market_trouble:
        await asyncio.sleep(0.01)
    assert "journal: market ended: ZeroDivisionError" in journal.market_trouble
    journal.record(bar("lost too"))
    await journal.commit([note("orders go on")])
    journal.record(note("and on"))
    await journal.flush()
    assert (journal.lost_market_rows, told) == (2, [])
    await journal.close()
    assert [s.row.ref for s in read_events(tmp_path, ("note",))] == ["orders go on", "and on"]


@pytest.mark.parametrize("what", ["folder removed", "folder moved", "file replaced", "wal removed"])
async def test_a_journal_that_was_moved_or_removed_takes_no_row_and_says_so(tmp_path: Path, what: str) -> None:
    folder, told = tmp_path / "j", list[Event]()
    journal = await Journal.open(folder, Run("r1", "demo"), post=told.append, clock=lambda: NOW)
    await journal.commit([note("before")])
    match what:
        case "folder removed":
            shutil.rmtree(folder)
        case "folder moved":
            folder.rename(tmp_path / "elsewhere")
        case "file replaced":
            shutil.copy2(folder / "orders.sqlite", tmp_path / "copy")
            (tmp_path / "copy").replace(folder / "orders.sqlite")
        case _:
            (folder / "orders.sqlite-wal").unlink()
    journal.record(note("fill"))
    with pytest.raises(JournalError, match=r"moved or removed while it was in use.*flatten") as caught:
        await journal.commit([note("entry")])
    assert not isinstance(caught.value, BrokenChain)
    with pytest.raises(JournalError, match="moved or removed"):
        journal.commit_now([note("entry too")])
    assert [type(event) for event in told] == [JournalFailed]
    await journal.close()


async def test_a_journal_that_is_put_back_goes_on_where_it_stood(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    journal = await Journal.open(folder, Run("r1", "demo"), clock=lambda: NOW)
    folder.rename(tmp_path / "elsewhere")
    journal.record(note("fill"))
    with pytest.raises(JournalError, match="moved or removed"):
        await journal.commit([note("entry")])
    (tmp_path / "elsewhere").rename(folder)
    await journal.commit([note("halt")])
    await journal.close()
    again = await opened(folder)
    assert [row.ref for row in await again.rows(("note",))] == ["fill", "halt"]
    await again.close()


async def test_a_journal_removed_at_the_very_commit_is_not_said_to_be_written(tmp_path: Path) -> None:
    class Removed(sqlite3.Connection):
        armed = False

        def execute(self, *args: Any) -> sqlite3.Cursor:
            done = super().execute(*args)
            if Removed.armed and str(args[0]) == "COMMIT":
                shutil.rmtree(tmp_path / "j")
            return done

    journal = await Journal.open(tmp_path / "j", Run("r1", "demo"), clock=lambda: NOW, factory=Removed)
    Removed.armed = True
    with pytest.raises(JournalError, match="moved or removed"):
        await journal.commit([note("entry")])
    Removed.armed = False
    await journal.close()


async def test_a_reader_of_a_journal_that_is_not_there_is_refused(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "j")
    reader = journal.reader()
    await journal.close()
    for path in (tmp_path / "j").glob("*.sqlite"):
        path.unlink()
    with pytest.raises(JournalError, match="cannot be opened"):
        await reader.events()
    await reader.close()
    await asyncio.sleep(0)


# -- the pieces ---------------------------------------------------------------------------------------------------------


def test_a_setting_that_sqlite_does_not_take_is_noticed() -> None:
    conn = sqlite3.connect(":memory:")
    with pytest.raises(JournalError, match="SQLite did not accept journal_mode=WAL: it says 'memory'"):
        configure(conn, durable=True)
    conn.close()


def test_no_room_for_the_reserve_is_noted_and_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    store = OrderStore(tmp_path)
    conn = connect(store.path)
    store.prepare(conn, "r1", NOW)
    assert store.notes == ["no room for the journal's 4 MiB reserve: No space left on device"]
    assert not (tmp_path / "reserve").exists()
    store.append(conn, "r1", [[entry_of(note("a"))]])
    conn.close()
    store.release()
    store.release()


def test_a_lock_while_proving_is_a_lock_and_no_damage(tmp_path: Path) -> None:
    store = OrderStore(tmp_path)
    conn = connect(store.path)
    store.prepare(conn, "r1", NOW)
    conn.close()
    Scripted.word, Scripted.code = "PRAGMA integrity_check", sqlite3.SQLITE_BUSY
    again = sqlite3.connect(store.path, factory=Scripted, isolation_level=None)
    with pytest.raises(JournalError, match="is locked by another process") as caught:
        store.prepare(again, "r2", NOW)
    assert not isinstance(caught.value, BrokenChain)
    for code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR | (19 << 8), sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL):
        Scripted.code = code
        with pytest.raises(JournalError) as caught:
            store.prepare(again, "r2", NOW)
        assert not isinstance(caught.value, BrokenChain), "it could not be read, which says nothing about what is there"
    for code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, 0):  # 0: text that is none, told without a code
        Scripted.code = code
        with pytest.raises(BrokenChain, match="SQLite finds scripted trouble"):
            store.prepare(again, "r2", NOW)
    again.close()


def test_a_database_that_is_none_is_damage(tmp_path: Path) -> None:
    (tmp_path / "orders.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(BrokenChain, match="as a whole: SQLite finds"):
        SyncJournal(tmp_path, "r1", NOW)
    with pytest.raises(JournalError, match="cannot be read"):
        read_events(tmp_path)
    (tmp_path / "market.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(JournalError, match="cannot be read"):
        read_observations(tmp_path, "bar")
    with pytest.raises(JournalError, match="the tape rebuilds it"):
        MarketStore(tmp_path).prepare(connect(tmp_path / "market.sqlite"))


def test_an_integrity_report_that_is_not_ok_and_a_foreign_hash_are_damage(tmp_path: Path) -> None:
    store = OrderStore(tmp_path)
    conn = connect(store.path)
    store.prepare(conn, "r1", NOW)
    head = verify(conn, "orders", None)
    with pytest.raises(BrokenChain, match="it is not the row that was committed"):
        verify(conn, "orders", type(head)(head.seq, bytes(32)))
    conn.execute("INSERT INTO claim VALUES('fill', 'x', '')")
    with pytest.raises(BrokenChain, match="list of used keys"):
        verify(conn, "orders", head)
    conn.execute("DROP TRIGGER event_stays")
    with pytest.raises(BrokenChain, match="tables are not the journal's"):
        verify(conn, "orders", head)
    conn.close()


def test_a_new_file_that_takes_no_setting_is_an_error_in_words(tmp_path: Path) -> None:
    conn = connect(tmp_path / "orders.sqlite")
    conn.close()
    with pytest.raises(JournalError, match="cannot be written"):
        OrderStore(tmp_path).begin(conn, "r1", NOW, "k3f9a")


@pytest.mark.parametrize("damaged", [True, False])
def test_moving_the_wal_into_a_damaged_file_is_damage_and_a_reader_in_the_way_is_nothing(tmp_path: Path, damaged: bool) -> None:
    store = OrderStore(tmp_path)
    with closing(sqlite3.connect(store.path, factory=Scripted)) as conn:
        Scripted.word, Scripted.code = "PRAGMA wal_checkpoint", sqlite3.SQLITE_CORRUPT if damaged else sqlite3.SQLITE_BUSY
        with pytest.raises(BrokenChain, match="scripted trouble") if damaged else nullcontext():
            store.checkpoint(conn)


def test_market_rows_that_cannot_be_written_are_an_error_by_kind(tmp_path: Path) -> None:
    store = MarketStore(tmp_path)
    conn = sqlite3.connect(store.path, factory=Scripted, isolation_level=None)
    store.prepare(conn)
    for code, kind, said in (
        (sqlite3.SQLITE_FULL, DiskFull, "is full: no more rows of the market are kept"),
        (sqlite3.SQLITE_IOERR, JournalError, "cannot be written: scripted trouble"),
    ):
        Scripted.word, Scripted.code = "INSERT INTO bar", code
        with pytest.raises(kind, match=said):
            store.append(conn, "r1", [entry_of(bar("b"))])
    Scripted.word = ""
    store.append(conn, "r1", [entry_of(bar("b"))])
    conn.close()


def test_a_file_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is its folder ours"):
        private_file(tmp_path / "none" / "orders.sqlite")
    with pytest.raises(JournalError, match="cannot be opened"):
        connect(tmp_path / "none.sqlite", read_only=True)


@pytest.mark.parametrize("free_kb", [0, 8, 40, 80, 160])
async def test_a_start_on_a_full_disk_lives_on_its_reserve_and_halts(tmp_path: Path, free_kb: int) -> None:
    with small_disk(tmp_path / "disk", 10) as disk:
        folder, told = disk / "journal", list[Event]()
        first = await opened(folder)
        await first.commit([note("held")])
        first.record(bar("kept"))
        await first.flush()
        for path in list(folder.iterdir()):  # as a kill leaves it, after a restart of the machine
            if not path.name.endswith("-shm") and path.name != "reserve":
                shutil.copy2(path, tmp_path / path.name)
        await first.close()
        for path in list(folder.iterdir()):
            if path.name != "reserve":
                path.unlink()
        for path in tmp_path.glob("*.sqlite*"):
            shutil.copy2(path, folder)
        fill(disk, leave_kb=free_kb)
        post = told.append if free_kb else None
        again = await Journal.open(folder, Run("r2", "demo"), post=post, clock=lambda: NOW)
        await again.commit([note("flatten")])
        assert [row.ref for row in await again.rows(("note",))] == ["held", "flatten"]
        assert not list(folder.glob("*.aside-*"))
        if not (folder / "reserve").exists():
            halted = [JournalFailed] if free_kb else []  # where nobody listens nobody is told
            assert [type(event) for event in told] == halted, "what room there is belongs to exits"
            assert any("the 4 MiB reserve was given up" in sentence for sentence in again.notes)
            assert "was full" in again.market_trouble
        assert not (folder / "reserve").exists() or free_kb > 40
        await again.close()
        (disk / "ballast").unlink()
        assert [s.row.ref for s in read_observations(folder, "bar")] == ["kept"]
        await (await opened(folder)).close()


async def test_a_full_disk_without_a_reserve_is_a_sentence(tmp_path: Path) -> None:
    await (await opened(tmp_path)).close()
    (tmp_path / "reserve").unlink()
    for word in ("PRAGMA journal_mode", "INSERT INTO event"):
        Scripted.word, Scripted.code = word, sqlite3.SQLITE_FULL
        with monkey_full_disk(), pytest.raises(DiskFull, match="make room and restart"):
            await opened(tmp_path)
    Scripted.word = ""
    await (await opened(tmp_path)).close()


@contextmanager
def monkey_full_disk() -> Iterator[None]:
    """No reserve can be had."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "posix_fallocate", _no_space)
        yield


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_reserve_that_cannot_even_be_opened_is_noted_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "reserve").mkdir()
    store = OrderStore(tmp_path)
    with closing(connect(store.path)) as conn:
        store.prepare(conn, "r1", NOW)
    assert "no room for the journal's 4 MiB reserve" in store.notes[0]
    store.release()


def test_an_io_error_is_a_full_disk_only_where_there_is_no_room(tmp_path: Path) -> None:
    fault = sqlite3.OperationalError("disk I/O error")
    fault.sqlite_errorcode = sqlite3.SQLITE_IOERR | (19 << 8)  # no room for the -shm
    assert not is_full(fault, tmp_path / "orders.sqlite")
    assert not is_full(fault, tmp_path / "gone" / "orders.sqlite")
    with small_disk(tmp_path / "disk", 1) as disk:
        fill(disk, leave_kb=8)
        assert is_full(fault, disk / "orders.sqlite")


def test_nobody_holds_what_nobody_locked(tmp_path: Path) -> None:
    assert lock_holder(tmp_path / "orders.sqlite") == "another process"


def test_a_head_that_cannot_be_written_fails_no_commit(tmp_path: Path) -> None:
    head = HeadFile(tmp_path / "none" / "head")
    head.write(EMPTY)
    assert head.read() is None
    head.close()


def test_events_can_be_read_from_a_row_on(tmp_path: Path) -> None:
    with SyncJournal(tmp_path, "r1", NOW) as journal:
        journal.commit_now([note("a"), note("b")])
        assert [s.row.ref for s in events(journal._orders, None, after=3)] == ["b"]


class Troubled(sqlite3.Connection):
    """Statements are counted; the nth fails once, or it and every later one until the trouble ends."""

    count = 0
    nth = 0
    stays = False

    def execute(self, *args: Any) -> sqlite3.Cursor:
        cls = type(self)
        cls.count += 1
        if cls.nth and (cls.count == cls.nth or (cls.stays and cls.count > cls.nth)):
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(*args)


def trouble(nth: int, stays: bool) -> None:
    Troubled.count, Troubled.nth, Troubled.stays = 0, nth, stays


async def life(folder: Path) -> set[str]:
    """Every kind of call a journal knows, in one life; the refs of rows of orders it promised to have written."""
    promised: set[str] = set()
    journal = await Journal.open(folder, Run("r1", "demo"), clock=lambda: NOW, factory=Troubled)
    try:
        for n in range(2):
            with suppress(JournalError):
                await journal.commit([note(f"c{n}"), note(f"d{n}")])
                promised |= {f"c{n}", f"d{n}"}
            with suppress(JournalError):
                journal.commit_now([note(f"n{n}")])
                promised.add(f"n{n}")
            journal.record(note(f"r{n}"))
            journal.record(bar(f"b{n}"))
            with suppress(JournalError):
                await journal.flush()
                promised.add(f"r{n}")
        with suppress(JournalError):
            await journal.rows()
    finally:
        await journal.close()
    return promised


@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
async def test_whichever_statement_of_a_life_fails_nothing_promised_is_lost_and_the_next_life_begins(
    tmp_path: Path, stays: bool
) -> None:
    nth, whole = 0, False
    while not whole:
        nth += 1
        folder = tmp_path / str(nth)
        trouble(nth, stays)
        promised: set[str] = set()
        with suppress(JournalError):  # it may not even open
            promised = await life(folder)
        whole = Troubled.count < nth
        trouble(0, False)
        again = await Journal.open(folder, Run("r2", "demo"), clock=lambda: NOW)
        found = {row.ref for row in await again.rows(("note",))}
        await again.close()
        assert promised <= found, f"statement {nth}: {promised - found} were promised and are gone"
        assert ("c0" in found, "c1" in found) == ("d0" in found, "d1" in found), f"statement {nth}: half a batch"
    assert nth > 30, "the loop must reach opening, commits, records, market rows, reading and closing"
    assert len(promised) == 8


async def test_a_writer_that_dies_unheard_still_lets_nobody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await opened(tmp_path)

    def bug(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(journal._store, "append", bug)
    with pytest.raises(JournalError, match="a bug of ours"):
        await journal.commit([note("a")])
    await asyncio.sleep(0)
    with pytest.raises(JournalError, match="closed"):
        await journal.commit([note("b")])
    await journal._shut()


async def test_a_bug_while_preparing_the_market_file_closes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(self: MarketStore, conn: sqlite3.Connection) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(MarketStore, "prepare", bug)
    with pytest.raises(ZeroDivisionError):
        await opened(tmp_path)
    monkeypatch.undo()
    await (await opened(tmp_path)).close()


async def test_a_reader_keeps_its_connection(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.commit([note("a")])
    reader = journal.reader()
    assert [stored.row.ref for stored in await reader.events(("note",))] == ["a"]
    await journal.commit([note("b")])
    assert [stored.row.ref for stored in await reader.events(("note",))] == ["a", "b"]
    await reader.close()
    await journal.close()


def test_an_order_without_a_number_claims_its_revision_only(tmp_path: Path) -> None:
    with SyncJournal(tmp_path, "r1", NOW) as journal:
        assert len(journal.install) == 5
        bare = Row("orders", "order", "o1", NOW, {"id": "o1", "revision": 0})
        journal.commit_now([bare])
        with pytest.raises(DuplicateRow, match="o1/0"):
            journal.commit_now([bare])


def test_text_that_cannot_be_read_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = OrderStore(tmp_path)

    def unreadable(*_: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "SQLite quotes damaged text")

    monkeypatch.setattr("orderflow_tui.adapters.journal_store.migrate", unreadable)
    conn = connect(store.path)
    with pytest.raises(BrokenChain, match="cannot be read"):
        store.prepare(conn, "r1", NOW)
    monkeypatch.undo()
    store.prepare(conn, "r1", NOW)
    monkeypatch.setattr("orderflow_tui.adapters.journal_schema.json.loads", unreadable)
    with pytest.raises(BrokenChain, match="cannot be read"):
        verify(conn, "x", None)
    conn.close()


def test_an_interruption_in_the_middle_of_a_write_rolls_it_back_and_is_not_called_a_disk_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = OrderStore(tmp_path)
    conn = connect(store.path)
    store.prepare(conn, "r1", NOW)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "_insert", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append(conn, "r1", [[entry_of(note("a"))]])
    assert not conn.in_transaction
    store.append(conn, "r1", [[entry_of(note("b"))]])
    assert [stored.row.ref for stored in events(conn, ("note",))] == ["b"]
    conn.close()
    store.release()


def test_a_market_write_that_never_began_has_nothing_to_roll_back(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "market.sqlite", isolation_level=None, factory=Scripted)
    store = MarketStore(tmp_path)
    store.prepare(conn)
    Scripted.word = "BEGIN"
    with pytest.raises(JournalError, match="cannot be written"):
        store.append(conn, "r1", [entry_of(bar("b"))])
    Scripted.word = ""
    conn.close()


async def test_a_writer_that_is_woken_for_rows_already_written_on_the_spot_goes_back_to_sleep(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await asyncio.sleep(0)  # the writer sleeps
    waiting = journal.commit([note("a")])
    journal.commit_now([note("b")])
    for _ in range(5):
        await asyncio.sleep(0)
    await waiting
    await journal.commit([note("c")])
    assert [row.ref for row in await journal.rows(("note",))] == ["a", "b", "c"]
    await journal.close()
