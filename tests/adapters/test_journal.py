"""The journal on disk: durable before it returns, in order, once, proven at boot, closed on every way out."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from orderflow_tui.adapters.journal import BrokenChain, DuplicateRow, Journal, JournalError, Run
from orderflow_tui.adapters.journal_memory import MemoryJournal, SyncJournal, read_events, read_observations
from orderflow_tui.domain.action import Json, Row
from orderflow_tui.domain.event import Event, JournalFailed
from tests.adapters.small_disk import cannot_mount, may_mount

NOW = 1_790_000_000_000_000_000


def intent(number: int, cause: str = "", purpose: str = "ENTRY") -> Row:
    payload: dict[str, Json] = {"id": f"i{number}", "purpose": purpose, "cause": cause or f"d{number}"}
    return Row("orders", "intent", f"i{number}", NOW + number, payload)


def order(order_id: str, number: int, revision: int = 0) -> Row:
    return Row("orders", "order", order_id, NOW, {"id": order_id, "number": number, "revision": revision, "client": 7})


def fill(base: str, revision: int = 1) -> Row:
    return Row("orders", "fill", base, NOW, {"base_id": base, "revision": revision, "quantity": 1})


def bar(number: int) -> Row:
    return Row("market", "bar", f"b{number}", NOW + number, {"close": number})


async def opened(folder: Path, run_id: str = "r1", **more: Any) -> Journal:
    return await Journal.open(folder, Run(run_id, "demo", "0.1", "abc"), clock=lambda: NOW, **more)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    made = await opened(tmp_path)
    yield made
    await made.close()


def kinds(rows: list[Row]) -> list[str]:
    return [row.kind for row in rows]


async def test_committed_rows_are_in_the_file_when_commit_returns(journal: Journal) -> None:
    await journal.commit([intent(1), order("of1-E", 11)])
    other = read_events(journal.folder, ("intent", "order"))
    assert [stored.row for stored in other] == [intent(1), order("of1-E", 11)]
    assert {stored.run_id for stored in other} == {"r1"}


async def test_rows_keep_the_order_they_were_handed_over_in(journal: Journal) -> None:
    journal.record(Row("orders", "note", "a", NOW, {}))
    first = asyncio.ensure_future(journal.commit([intent(1)]))
    journal.record(Row("orders", "note", "b", NOW, {}))
    second = asyncio.ensure_future(journal.commit([intent(2)]))
    await asyncio.gather(first, second)
    assert [row.ref for row in await journal.rows(("note", "intent"))] == ["a", "i1", "b", "i2"]


async def test_a_new_life_reads_what_the_last_one_wrote(tmp_path: Path) -> None:
    first = await opened(tmp_path, "r1")
    await first.commit([intent(1)])
    install = first.install
    await first.close()
    second = await opened(tmp_path, "r2")
    rows = await second.rows()
    await second.close()
    assert kinds(rows) == ["genesis", "run_start", "intent", "run_end", "run_start"]
    assert second.install == install
    assert len(install) == 5


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (intent(1), intent(1, cause="other")),
        (intent(1, cause="d"), intent(2, cause="d")),
        (order("a", 1), order("a", 1)),
        (order("a", 1), order("b", 1)),
        (fill("x", 1), fill("x", 1)),
    ],
)
async def test_what_may_exist_once_is_refused_the_second_time(journal: Journal, first: Row, second: Row) -> None:
    await journal.commit([first])
    with pytest.raises(DuplicateRow, match="already in the journal"):
        await journal.commit([Row("orders", "note", "beside it", NOW, {}), second])
    assert "note" not in kinds(await journal.rows()), "a refused batch is refused whole"
    await journal.commit([Row("orders", "note", "after", NOW, {})])
    memory = MemoryJournal()
    memory.commit_now([first])
    with pytest.raises(DuplicateRow):
        memory.commit_now([second])


async def test_what_may_repeat_is_taken(journal: Journal) -> None:
    for row in (order("a", 1, 0), order("a", 1, 1), fill("x", 1), fill("x", 2), intent(1, "d"), intent(2, "d", "FLATTEN")):
        await journal.commit([row])
    assert len(await journal.rows(("order", "fill", "intent"))) == 6


async def test_a_recorded_row_that_repeats_a_key_is_kept_beside_the_first(journal: Journal) -> None:
    journal.record(fill("x"))
    journal.record(fill("x"))
    await journal.flush()
    await journal.flush()
    rows = await journal.rows(("fill", "duplicate"))
    assert kinds(rows) == ["fill", "duplicate"]
    assert rows[1].payload["row"] == fill("x").payload


async def test_a_refused_row_leaves_those_around_it_and_the_chain_whole(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    plain = [Row("orders", "note", f"n{i}", NOW, {}) for i in range(6)]
    for row in (plain[0], plain[1], fill("x"), plain[2], fill("x"), plain[3], plain[4]):
        journal.record(row)
    refused = journal.commit([plain[5], intent(1), fill("x")])
    with pytest.raises(DuplicateRow):
        await refused
    await journal.flush()
    await journal.close()
    again = await opened(tmp_path, "r2")  # proves the whole file
    assert [row.ref for row in await again.rows(("note", "fill", "intent"))] == ["n0", "n1", "x", "n2", "n3", "n4"]
    await again.close()


async def test_a_row_that_is_not_json_is_refused_at_the_door_and_blocks_nobody(journal: Journal) -> None:
    with pytest.raises(JournalError, match="plain JSON"):
        journal.record(Row("orders", "note", "nan", NOW, {"x": float("nan")}))
    with pytest.raises(JournalError, match="needs 'id'"):
        await journal.commit([Row("orders", "intent", "", NOW, {})])
    await journal.commit([intent(1)])
    assert kinds(await journal.rows(("intent", "note"))) == ["intent"]


async def test_odd_text_survives(journal: Journal) -> None:
    await journal.commit([Row("orders", "note", "bad \udcff ref", NOW, {"text": "▲ \udcff \x00"})])
    assert (await journal.rows(("note",)))[0].payload["text"] == "▲ \udcff \x00"


async def test_the_files_can_be_read_by_us_alone(journal: Journal) -> None:
    for path in journal.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


async def test_orders_are_written_with_full_sync_and_nothing_can_be_changed(journal: Journal) -> None:
    await journal.commit([intent(1)])
    conn = sqlite3.connect(journal.folder / "orders.sqlite")
    try:
        assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        for statement in ("UPDATE event SET ref='x'", "DELETE FROM event"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                conn.execute(statement)
    finally:
        conn.close()
    assert await journal._orders.run(lambda c: c.execute("PRAGMA synchronous").fetchone()[0]) == 2


# -- the market's file --------------------------------------------------------------------------------------------------


async def test_market_rows_are_written_in_batches_and_read_newest_writing_first(journal: Journal) -> None:
    for row in (bar(1), bar(2), Row("market", "bar", "b1", NOW + 1, {"close": 99}), Row("market", "own", "z", NOW, {})):
        journal.record(row)
    await journal.flush()
    bars = [stored.row for stored in read_observations(journal.folder, "bar")]
    assert [(row.ref, row.payload["close"]) for row in bars] == [("b1", 99), ("b2", 2)]
    reader = journal.reader()
    assert [s.row.ref for s in await reader.observations("own")] == ["z"]
    assert [s.row.kind for s in await reader.events(("run_start",))] == ["run_start"]
    await reader.close()


async def test_the_newest_states_of_a_name_are_read_as_they_lie_there(journal: Journal) -> None:
    for ref, at in (("ES|1", 3), ("ES|2", 5), ("ES|1", 4), ("MES|1", 9), ("ES|3", 1)):
        journal.record(Row("market", "day_state", ref, NOW + at, {"at": at}))
    journal.record(bar(1))
    await journal.flush()
    reader = journal.reader()
    assert await reader.newest_first("day_state", "ES|", 3) == ['{"at":5}', '{"at":4}', '{"at":3}']
    assert [json.loads(text)["close"] for text in await reader.newest_first("bar", "b", 9)] == [1]
    await reader.close()


async def test_the_oldest_market_rows_give_way_and_are_counted(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderflow_tui.adapters.journal_market.ROWS_WAITING", 3)
    for number in range(5):
        journal.record(bar(number))
    await journal.flush()
    assert journal.lost_market_rows == 2
    assert [s.row.ref for s in read_observations(journal.folder, "bar")] == ["b2", "b3", "b4"]


async def test_order_rows_are_never_dropped_the_caller_is_told(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderflow_tui.adapters.journal.ORDER_ROWS_WAITING", 2)
    journal.record(fill("a"))
    journal.record(fill("b"))
    with pytest.raises(JournalError, match="waiting to be written"):
        journal.record(fill("c"))
    await journal.flush()
    assert len(await journal.rows(("fill",))) == 2


async def test_a_broken_market_file_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "market.sqlite").write_bytes(b"not a database at all" * 100)
    journal = await opened(tmp_path)
    journal.record(bar(1))
    await journal.close()
    assert [s.row.ref for s in read_observations(tmp_path, "bar")] == ["b1"]
    assert any("moved to market.sqlite.aside-" in note for note in journal.notes)


# -- runs ---------------------------------------------------------------------------------------------------------------


async def test_boots_without_a_clean_stop_are_counted(tmp_path: Path) -> None:
    clean = await opened(tmp_path, "clean")
    await clean.close()
    for name in ("crash1", "crash2"):
        crashed = await opened(tmp_path, name)
        await crashed._shut()  # closes without the clean-stop row, as a kill would
    now = await opened(tmp_path, "now")
    assert await now.unclean_boots(NOW) == 2
    assert await now.unclean_boots(NOW + 1) == 0
    await now.close()


# -- trouble ------------------------------------------------------------------------------------------------------------


async def test_a_lock_of_another_process_is_named_after_a_quarter_second(journal: Journal) -> None:
    script = (
        "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],isolation_level=None)\nc.execute('BEGIN IMMEDIATE')\n"
        "print('held',flush=True)\nsys.stdin.read()"
    )
    path = str(journal.folder / "orders.sqlite")
    with subprocess.Popen([sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(JournalError, match=rf"locked by process {holder.pid} .* for more than 250 ms"):
            await journal.commit([intent(1)])
        holder.stdin.close()
        holder.wait()
    await journal.commit([intent(1)])
    assert kinds(await journal.rows(("intent",))) == ["intent"]


async def test_recorded_rows_survive_a_lock_and_the_engine_is_told_once(tmp_path: Path) -> None:
    told: list[Event] = []
    journal = await opened(tmp_path, post=told.append)
    holder = sqlite3.connect(tmp_path / "orders.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    journal.record(fill("x"))
    with pytest.raises(JournalError):
        await journal.commit([intent(1)])
    with pytest.raises(JournalError):
        await journal.commit([intent(2)])
    holder.execute("ROLLBACK")
    holder.close()
    await journal.commit([intent(3)])
    assert [row.ref for row in await journal.rows(("fill", "intent"))] == ["x", "i3"]
    assert [type(event) for event in told] == [JournalFailed]
    assert isinstance(told[0], JournalFailed)
    assert told[0].ids == ()
    await journal.close()


async def test_a_cancelled_commit_is_still_written_whole(journal: Journal) -> None:
    task = asyncio.ensure_future(journal.commit([intent(1), order("a", 1)]))
    await asyncio.sleep(0)  # the waiter is waiting
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await journal.flush()
    assert kinds(await journal.rows(("intent", "order"))) == ["intent", "order"]


async def test_a_closed_journal_refuses_and_closing_twice_is_harmless(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.close()
    await journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.record(intent(1))
    with pytest.raises(JournalError, match="closed"):
        journal.record(bar(1))


async def test_a_writer_that_dies_is_told_and_nobody_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []
    journal = await opened(tmp_path, post=told.append)

    def bug(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(journal._store, "append", bug)
    with pytest.raises(JournalError, match="a bug of ours"):
        await journal.commit([intent(1)])
    await asyncio.sleep(0)
    with pytest.raises(JournalError, match="closed"):
        await journal.commit([intent(2)])
    assert isinstance(told[-1], JournalFailed)
    await journal._shut()


async def test_an_impossible_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "orders.sqlite").mkdir()
    with pytest.raises(JournalError, match="cannot be opened"):
        await opened(tmp_path)


async def test_a_newer_journal_is_not_touched(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "orders.sqlite")
    conn.execute("PRAGMA user_version=99")
    conn.execute("CREATE TABLE later(x)")
    conn.commit()
    conn.close()
    with pytest.raises(JournalError, match="use the newer program"):
        await opened(tmp_path)


@pytest.mark.parametrize("orderly", [True, False])
def test_an_exception_with_an_open_journal_does_not_keep_the_program_alive(tmp_path: Path, orderly: bool) -> None:
    script = (
        "import asyncio,sys\nfrom pathlib import Path\nfrom orderflow_tui.adapters.journal import Journal, Run\n"
        "async def main():\n"
        " j=await Journal.open(Path(sys.argv[1]),Run('r','demo'))\n"
        " try: raise RuntimeError('the engine fell over')\n"
        f" finally:\n  if {orderly}: await j.close()\n"
        "asyncio.run(main())"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "the engine fell over" in done.stderr
    stored = [s.row.kind for s in read_events(tmp_path)]
    assert stored == ["genesis", "run_start", "run_end"] if orderly else stored == ["genesis", "run_start"]


# -- every call fails once ----------------------------------------------------------------------------------------------


class Failing(sqlite3.Connection):
    """A connection whose nth statement from now on fails as a bad disk does."""

    countdown = -1

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._stumble()
        return super().execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        self._stumble()
        return super().executemany(*args)

    def _stumble(self) -> None:
        cls = type(self)
        if cls.countdown >= 0:
            cls.countdown -= 1
            if cls.countdown < 0:
                raise sqlite3.OperationalError("disk I/O error")


async def test_whatever_statement_fails_the_file_holds_whole_batches_only(tmp_path: Path) -> None:
    failed = 0
    for nth in range(1, 40):
        Failing.countdown = -1
        folder = tmp_path / str(nth)
        journal = await opened(folder, factory=Failing)
        Failing.countdown = nth - 1
        try:
            await journal.commit([intent(1), order("a", 1)])
            committed = True
        except JournalError:
            committed, failed = False, failed + 1
        Failing.countdown = -1
        await journal.commit([fill("later")])
        found = kinds(await journal.rows(("intent", "order", "fill")))
        assert found == (["intent", "order"] if committed else []) + ["fill"]
        await journal.close()
        again = await opened(folder, "r2")
        await again.close()
        if committed:
            break
    assert failed >= 8, "the loop must reach begin, savepoint, every insert, release and commit"


# -- a disk that is full ------------------------------------------------------------------------------------------------


def test_a_full_disk_refuses_the_entry_and_still_takes_the_halt(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("mounting a small tmpfs needs root")
    script = Path(__file__).with_name("fill_the_disk.py")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = f"mount -t tmpfs -o size=6m none {disk} && exec {sys.executable} {script} {disk}"
    done = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in done.stderr or "mount" in done.stderr:
        cannot_mount(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["refused", "reserve-given-up", "halt-written", "market-stopped", "reads-back-whole"]


# -- the synchronous twin -----------------------------------------------------------------------------------------------


def test_the_synchronous_journal_writes_the_same_file(tmp_path: Path) -> None:
    with SyncJournal(tmp_path, "r1", NOW) as journal:
        journal.commit_now([intent(1)])
        journal.record(fill("x"))
        journal.record(fill("x"))
        journal.record(bar(1))
        with pytest.raises(DuplicateRow):
            journal.commit_now([intent(1)])
        assert kinds(journal.rows(("intent", "fill", "duplicate"))) == ["intent", "fill", "duplicate"]
        journal.end(NOW)
    with SyncJournal(tmp_path, "r2", NOW) as again:
        assert kinds(again.rows()) == ["genesis", "run_start", "intent", "fill", "duplicate", "run_end", "run_start"]
    assert [s.row.ref for s in read_observations(tmp_path, "bar")] == ["b1"]


def test_a_journal_that_is_not_there_reads_as_empty(tmp_path: Path) -> None:
    assert read_events(tmp_path) == []
    assert read_observations(tmp_path, "bar") == []


def test_memory_keeps_market_rows_only_when_asked() -> None:
    quiet, keeping = MemoryJournal(), MemoryJournal(keep_market=True)
    for journal in (quiet, keeping):
        journal.record(bar(1))
        journal.record(fill("x"))
        journal.record(fill("x"))
        assert kinds(journal.rows()) == ["fill", "duplicate"]
        assert kinds(journal.rows(("fill",))) == ["fill"]
    assert quiet.market == []
    assert keeping.market == [bar(1)]


def test_the_chain_error_says_what_to_do() -> None:
    fault = BrokenChain("orders.sqlite", 12, "its content does not match its hash")
    assert fault.seq == 12
    assert str(fault).startswith("orders.sqlite is damaged at row 12:")


async def test_a_commit_on_the_spot_is_on_disk_with_everything_queued_before_it(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path, Run("r1", "demo"))
    journal.record(Row("orders", "note", "first", 1, {}))
    journal.commit_now([Row("orders", "note", "second", 2, {})])
    stored = read_events(tmp_path, ("note",))
    assert [entry.row.ref for entry in stored] == ["first", "second"]
    await journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.commit_now([Row("orders", "note", "third", 3, {})])
