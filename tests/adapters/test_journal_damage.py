"""What happens to the journal when bytes change, rows go missing, or the process is shot."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal import Damage, Journal, Run
from orderflow_tui.adapters.journal_damage import _proven_row
from orderflow_tui.adapters.journal_memory import SyncJournal, read_events
from orderflow_tui.adapters.journal_schema import BrokenChain
from orderflow_tui.domain.action import Row
from orderflow_tui.domain.event import Event, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.ports import JournalError

NOW = 1_790_000_000_000_000_000
FLIPS = int(os.environ.get("ORDERFLOW_TEST_FLIPS", "500"))  # more for a release: every byte of a small file is about 60,000
KILLS = int(os.environ.get("ORDERFLOW_TEST_KILLS", "12"))


def written(folder: Path, *, checkpointed: bool) -> list[Row]:
    """A small journal on disk: closed orderly, or with everything still in its WAL as after a kill."""
    journal = SyncJournal(folder, "r1", NOW)
    for n in range(12):
        journal.commit_now(
            [
                Row("orders", "intent", f"i{n}", NOW + n, {"id": f"i{n}", "purpose": "ENTRY", "cause": f"d{n}"}),
                Row("orders", "order", f"of1-k3f9a-{n}-E", NOW + n, {"id": f"of1-k3f9a-{n}-E", "number": n, "note": "x" * 90}),
            ]
        )
        journal.record(Row("orders", "fill", f"f{n}", NOW + n, {"base_id": f"f{n}", "revision": 1}))
    rows = journal.rows()
    if checkpointed:
        journal.end(NOW)
        with SyncJournal(folder, "r1", NOW) as again:
            rows = again.rows()
    else:
        copy = folder.with_name(folder.name + "-copy")
        shutil.copytree(folder, copy)  # as the disk looks when the process is shot now
        journal.close()
        shutil.rmtree(folder)
        copy.rename(folder)
    return rows


def reread(folder: Path) -> list[Row]:
    with SyncJournal(folder, "r1", NOW) as journal:
        return journal.rows()


@pytest.fixture(scope="module", params=["closed", "killed"])
def journal_on_disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    folder = tmp_path_factory.mktemp("whole") / "journal"
    return folder, written(folder, checkpointed=request.param == "closed")


def flips(files: dict[str, bytes], count: int) -> Iterator[tuple[str, int, int]]:
    """Seeded places to flip: the file in proportion to its length, the byte, the bit."""
    stream = random.Random(20261120)
    names = [name for name in files if name.startswith("orders.sqlite") and not name.endswith("-shm")]
    for _ in range(count):
        name = stream.choices(names, [len(files[n]) for n in names])[0]
        yield name, stream.randrange(len(files[name])), 1 << stream.randrange(8)


def test_a_flipped_byte_is_noticed_or_changes_nothing(journal_on_disk: tuple[Path, list[Row]], tmp_path: Path) -> None:
    whole, rows = journal_on_disk
    files = {path.name: path.read_bytes() for path in whole.iterdir() if path.name != "reserve"}
    noticed = 0
    for name, place, bit in flips(files, FLIPS):
        folder = tmp_path / "j"
        folder.mkdir()
        for other, content in files.items():
            if not other.endswith("-shm"):
                (folder / other).write_bytes(content)
        damaged = bytearray(files[name])
        damaged[place] ^= bit
        (folder / name).write_bytes(damaged)
        try:
            found = reread(folder)[: len(rows)]
        except JournalError:
            noticed += 1
        else:
            assert found == rows, f"byte {place} of {name}, bit {bit}: the change went unnoticed"
        shutil.rmtree(folder)
    assert noticed > FLIPS // 5


def test_a_flip_inside_a_row_names_the_row(tmp_path: Path) -> None:
    written(tmp_path / "j", checkpointed=True)
    path = tmp_path / "j" / "orders.sqlite"
    content = path.read_bytes().replace(b'{"base_id":"f7"', b'{"base_id":"f8"')
    path.write_bytes(content)
    with pytest.raises(BrokenChain) as caught:
        reread(tmp_path / "j")
    conn = sqlite3.connect(path)
    seq = conn.execute("SELECT seq FROM event WHERE ref='f7'").fetchone()[0]
    conn.close()
    assert caught.value.seq == seq
    assert f"damaged at row {seq}" in str(caught.value)


def test_a_row_taken_out_by_hand_is_noticed(tmp_path: Path) -> None:
    written(tmp_path / "j", checkpointed=True)
    conn = sqlite3.connect(tmp_path / "j" / "orders.sqlite", isolation_level=None)
    trigger = conn.execute("SELECT sql FROM sqlite_schema WHERE name='event_remains'").fetchone()[0]
    conn.execute("DROP TRIGGER event_remains")
    conn.execute("DELETE FROM event WHERE seq=5")
    conn.execute(trigger)
    conn.close()
    with pytest.raises(BrokenChain, match="row 5 is missing"):
        reread(tmp_path / "j")


def test_an_index_that_lost_its_rows_is_noticed(tmp_path: Path) -> None:
    written(tmp_path / "j", checkpointed=True)
    path = tmp_path / "j" / "orders.sqlite"
    for clause, work in ((" WHERE seq < 0", ""), ("", "REINDEX event_of_kind")):
        conn = sqlite3.connect(path, isolation_level=None)
        conn.execute(work)
        conn.execute("PRAGMA writable_schema=ON")
        sql = f"CREATE INDEX event_of_kind ON event(kind, seq){clause}"
        conn.execute("UPDATE sqlite_schema SET sql=? WHERE name='event_of_kind'", (sql,))
        conn.close()
    with pytest.raises(BrokenChain, match="as a whole: SQLite finds"):
        reread(tmp_path / "j")


def test_a_lost_tail_is_noticed_by_the_head_file(tmp_path: Path) -> None:
    rows = written(tmp_path / "j", checkpointed=False)
    wal = tmp_path / "j" / "orders.sqlite-wal"
    os.truncate(wal, wal.stat().st_size - 4096)
    with pytest.raises(BrokenChain, match=f"committed rows up to row {len(rows)} are gone"):
        reread(tmp_path / "j")


def test_a_journal_that_vanished_is_noticed(tmp_path: Path) -> None:
    written(tmp_path / "j", checkpointed=True)
    (tmp_path / "j" / "orders.sqlite").unlink()
    with pytest.raises(BrokenChain, match="are gone"):
        reread(tmp_path / "j")


def test_an_old_backup_put_back_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    written(folder, checkpointed=True)
    backup = (folder / "orders.sqlite").read_bytes()
    with SyncJournal(folder, "r2", NOW) as journal:
        journal.end(NOW)
    (folder / "orders.sqlite").write_bytes(backup)
    with pytest.raises(BrokenChain, match="are gone"):
        reread(folder)


def test_a_head_file_that_lags_or_is_garbage_stops_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    rows = written(folder, checkpointed=True)
    head = folder / "orders.sqlite.head"
    for content in (b"", b"\xff\xfe garbage", b"00000000000000000003 00 11\n"):
        head.write_bytes(content)
        assert reread(folder)[: len(rows)] == rows


def test_missing_protection_against_change_is_noticed(tmp_path: Path) -> None:
    written(tmp_path / "j", checkpointed=True)
    conn = sqlite3.connect(tmp_path / "j" / "orders.sqlite", isolation_level=None)
    conn.execute("DROP TRIGGER event_stays")
    conn.close()
    with pytest.raises(BrokenChain, match="tables are not the journal's"):
        reread(tmp_path / "j")


CHILD = """
import asyncio, os, sys
from pathlib import Path
from orderflow_tui.adapters.journal import Journal, Run
from orderflow_tui.domain.action import Row
async def main():
    first = int(sys.argv[2])
    journal = await Journal.open(Path(sys.argv[1]), Run(f"r{first}", "demo"))
    for n in range(first, first + 100000):
        rows = [Row("orders", "intent", f"i{n}", n, {"id": f"i{n}", "purpose": "ENTRY", "cause": f"d{n}"}),
                Row("orders", "order", f"o{n}", n, {"id": f"o{n}", "number": n})]
        journal.record(Row("orders", "fill", f"f{n}", n, {"base_id": f"f{n}", "revision": 1}))
        await journal.commit(rows)
        os.write(1, b"%d\\n" % n)
asyncio.run(main())
"""


def test_a_killed_process_loses_nothing_it_said_was_written(tmp_path: Path) -> None:
    """Kill -9 at random instants: whatever was told as committed is there, whole, once, and the file proves itself."""
    stream = random.Random(7)
    told: list[int] = []
    for life in range(KILLS):
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(life * 1_000_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            told += [int(child.stdout.readline()) for _ in range(stream.randrange(1, 60))]
            child.send_signal(signal.SIGKILL)
            told += [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
    with SyncJournal(tmp_path, "after", NOW) as journal:
        rows = journal.rows()
    intents = [int(row.ref[1:]) for row in rows if row.kind == "intent"]
    orders = [int(row.ref[1:]) for row in rows if row.kind == "order"]
    fills = [int(row.ref[1:]) for row in rows if row.kind == "fill"]
    assert set(told) <= set(intents)
    assert intents == orders, "a batch is written whole or not at all"
    assert set(intents) <= set(fills), "what was recorded before a commit is written with it"
    assert len(set(intents)) == len(intents)
    assert sum(row.kind == "run_start" for row in rows) == KILLS + 1
    assert json.dumps([row.kind for row in rows]).count("run_end") == 0


# -- begun anew ---------------------------------------------------------------------------------------------------------

ANEW_FLIPS = 60


def lock(damage: Damage) -> list[Row]:
    return [Row("orders", "latch", "BROKEN_CHAIN", damage.ts_ns, {"open": True, "found": damage.found})]


async def begun(folder: Path, at_ns: int = NOW + 10**15) -> tuple[Damage | None, list[Row], str]:
    """What a start finds, what its journal holds, and the name order ids go on with."""
    journal = await Journal.open(folder, Run("r9", "paper"), clock=lambda: at_ns, on_damage=lock)
    try:
        return journal.damage, await journal.rows(), journal.install
    finally:
        await journal.close()


def facts(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.kind in ("intent", "order", "fill")]


def install_of(rows: list[Row]) -> str:
    return next(row.ref for row in rows if row.kind == "genesis")


async def test_a_damaged_journal_is_kept_to_the_byte_and_begun_anew_with_every_row_that_is_proven(
    journal_on_disk: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    whole, rows = journal_on_disk
    files = {path.name: path.read_bytes() for path in whole.iterdir() if path.name != "reserve" and "-shm" not in path.name}
    found = 0
    for name, place, bit in flips(files, ANEW_FLIPS):
        folder = tmp_path / "j"
        folder.mkdir()
        damaged = bytearray(files[name])
        damaged[place] ^= bit
        as_found = files | {name: bytes(damaged)}
        for other, content in as_found.items():
            (folder / other).write_bytes(content)
        damage, now, install = await begun(folder)
        assert install == install_of(rows)
        if damage is None:
            assert facts(now) == facts(rows)
        else:
            found += 1
            assert {part: Path(f"{damage.kept}{part}").read_bytes() for part in ("", ".head")} == {
                part: as_found[f"orders.sqlite{part}"] for part in ("", ".head")
            }
            if as_found.get("orders.sqlite-wal"):
                assert Path(f"{damage.kept}-wal").read_bytes() == as_found["orders.sqlite-wal"]
            assert [row for row in facts(rows) if row in facts(now)] == facts(now), "in order, none invented"
            assert damage.counter > NOW // 1_000_000
            assert [now[0].kind, now[1].kind] == ["genesis", "damaged"]
            assert now[1].ref == damage.kept.name
            again, later, _ = await begun(folder)
            assert again is None, "the new journal proves itself"
            assert [row.payload["open"] for row in later if row.kind == "latch"] == [True]
            assert not (folder / "fresh").exists()
        shutil.rmtree(folder)
    assert found > ANEW_FLIPS // 5


async def test_one_changed_row_costs_one_row(tmp_path: Path) -> None:
    rows = written(tmp_path / "j", checkpointed=True)
    path = tmp_path / "j" / "orders.sqlite"
    path.write_bytes(path.read_bytes().replace(b'{"base_id":"f7"', b'{"base_id":"f8"'))
    damage, now, _ = await begun(tmp_path / "j")
    assert damage is not None
    assert damage.lost == 1
    assert facts(now) == [row for row in facts(rows) if row.ref != "f7"]


async def test_a_page_that_cannot_be_read_costs_its_own_rows(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    rows = written(folder, checkpointed=True)
    whole = (folder / "orders.sqlite").read_bytes()
    costs = []
    for at in range(4096, len(whole), 4096):
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "orders.sqlite").write_bytes(whole[:at] + bytes(4096) + whole[at + 4096 :])
        damage, now, _ = await begun(folder)
        kept = facts(now)
        assert damage is not None or kept == facts(rows)
        assert [row for row in facts(rows) if row in kept] == kept
        costs.append(len(facts(rows)) - len(kept))
    parts = [cost for cost in costs if 0 < cost < len(facts(rows))]
    assert len(parts) > 1
    assert sum(parts) == len(facts(rows)), "each page of rows costs its own, and no other page costs any but the root"


@pytest.mark.parametrize("what", ["gone", "empty", "no database"])
async def test_where_nothing_can_be_read_the_name_comes_from_the_head(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "j"
    rows = written(folder, checkpointed=True)
    path = folder / "orders.sqlite"
    if what == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if what == "empty" else b"not a database" * 1000)
    damage, now, install = await begun(folder)
    assert damage is not None
    assert (damage.rows, damage.named, install) == ((), True, install_of(rows))
    assert damage.lost >= len(rows)
    assert facts(now) == []


@pytest.mark.parametrize("what", ["gone", "empty"])
@pytest.mark.parametrize("head", ["noted", "none"])
async def test_an_empty_file_takes_nothing_of_its_wal_along(tmp_path: Path, what: str, head: str) -> None:
    folder = tmp_path / "j"
    rows = written(folder, checkpointed=False)
    path, wal = folder / "orders.sqlite", (folder / "orders.sqlite-wal").read_bytes()
    if head == "none":
        (folder / "orders.sqlite.head").unlink()
    if what == "gone":
        path.unlink()
    else:
        os.truncate(path, 0)
    with pytest.raises(BrokenChain, match="it is empty"):
        reread(folder)
    with pytest.raises(BrokenChain, match="it is empty"):
        read_events(folder)
    assert (folder / "orders.sqlite-wal").read_bytes() == wal, "looking takes nothing away"
    damage, now, install = await begun(folder)
    assert damage is not None
    assert Path(f"{damage.kept}-wal").read_bytes() == wal
    assert (facts(now), damage.lost, install) == (facts(rows), 0, install_of(rows))


def test_a_read_from_outside_tells_what_is_broken_beside_its_rows(tmp_path: Path) -> None:
    rows = written(tmp_path / "j", checkpointed=True)
    found: list[BrokenChain] = []
    whole = [stored.row for stored in read_events(tmp_path / "j", broken=found.append)]
    assert (whole[: len(rows)], found) == (rows, [])
    path = tmp_path / "j" / "orders.sqlite"
    path.write_bytes(path.read_bytes().replace(b'{"base_id":"f7"', b'{"base_id":"f8"'))
    told = [stored.row for stored in read_events(tmp_path / "j", broken=found.append)]
    assert len(told) == len(whole)
    assert [whole[fault.seq - 1].ref for fault in found] == ["f7"]


async def test_a_header_cut_short_is_damage(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    rows = written(folder, checkpointed=False)
    os.truncate(folder / "orders.sqlite", 47)
    damage, now, _ = await begun(folder)
    assert damage is not None
    assert facts(now) == facts(rows)


async def test_without_a_head_the_name_is_read_from_the_bytes_and_the_count_goes_on_above_all_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    written(folder, checkpointed=True)
    (folder / "orders.sqlite.head").unlink()
    (folder / "orders.sqlite").write_bytes(b"broken of1-k3f9a-7-E of1-k3f9a-9999999999999-S of1-other-1-E broken")
    damage, _, install = await begun(folder)
    assert damage is not None
    assert (install, damage.named, damage.counter) == ("k3f9a", True, 9_999_999_999_999 + 1_000_000)


async def test_a_journal_that_tells_no_name_gets_a_new_one_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "orders.sqlite").write_bytes(b"broken" * 1000)
    damage, _, install = await begun(tmp_path)
    assert damage is not None
    assert (damage.named, len(install)) == (False, 5)


@pytest.mark.parametrize("what", ["a cut WAL", "an empty file"])
@pytest.mark.parametrize("dies_at", range(1, 6))
async def test_killed_while_it_begins_anew_the_next_start_does_it_again_and_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int, what: str
) -> None:
    folder = tmp_path / "j"
    rows = written(folder, checkpointed=False)
    wal = folder / "orders.sqlite-wal"
    os.truncate(*((wal, wal.stat().st_size - 4096) if what == "a cut WAL" else (folder / "orders.sqlite", 0)))
    steps = 0

    def step(real: Callable[..., object]) -> Callable[..., object]:
        def perhaps(*args: object, **kwargs: object) -> object:
            nonlocal steps
            steps += 1
            if steps == dies_at:
                raise OSError(5, "Input/output error")
            return real(*args, **kwargs)

        return perhaps

    monkeypatch.setattr(shutil, "copy2", step(shutil.copy2))
    monkeypatch.setattr(Path, "replace", step(Path.replace))
    with pytest.raises(JournalError, match="make room and start again"):
        await begun(folder)
    monkeypatch.undo()
    damage, now, install = await begun(folder)
    assert damage is not None
    assert install == install_of(rows)
    assert [row.payload["open"] for row in now if row.kind == "latch"][-1] is True
    assert facts(now) == (facts(rows)[:-1] if what == "a cut WAL" else facts(rows)), (
        "what was in the WAL only is not lost with it"
    )


async def test_a_copy_of_another_damage_is_not_taken_for_this_one(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    written(folder, checkpointed=False)
    (folder / "orders.sqlite").write_bytes(b"")
    first, _, _ = await begun(folder)
    assert first is not None
    (folder / "orders.sqlite").write_bytes(b"")
    second, _, _ = await begun(folder, at_ns=NOW + 10**16)
    assert second is not None
    assert second.kept != first.kept
    (folder / "orders.sqlite").write_bytes(b"no")
    for part in ("orders.sqlite.head", "orders.sqlite-wal"):
        (folder / part).unlink(missing_ok=True)
    third, _, _ = await begun(folder, at_ns=NOW + 10**17)
    assert third is not None
    assert third.kept not in (first.kept, second.kept)


@pytest.mark.parametrize("what", ["a folder", "not ours"])
async def test_a_path_that_cannot_be_used_is_a_mistake_and_no_damage(tmp_path: Path, what: str) -> None:
    path = tmp_path / "orders.sqlite"
    if what == "a folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere" / "orders.sqlite")
    with pytest.raises(JournalError, match="is its folder ours") as caught:
        await begun(tmp_path)
    assert not isinstance(caught.value, BrokenChain)
    assert list(tmp_path.glob("*damaged*")) == []


async def test_a_newer_programs_journal_is_left_alone_and_a_wrong_number_is_damage(tmp_path: Path) -> None:
    written(tmp_path / "j", checkpointed=True)
    conn = sqlite3.connect(tmp_path / "j" / "orders.sqlite", isolation_level=None)
    conn.execute("PRAGMA user_version=7")
    with pytest.raises(BrokenChain, match="its schema says number 7"):
        reread(tmp_path / "j")
    conn.execute("CREATE TABLE newer(x)")
    with pytest.raises(JournalError, match="use the newer program") as caught:
        await begun(tmp_path / "j")
    assert not isinstance(caught.value, BrokenChain)
    conn.execute("PRAGMA user_version=0")
    conn.close()
    with pytest.raises(BrokenChain, match="not the journal's of schema 0"):
        reread(tmp_path / "j")


async def test_damage_met_while_running_locks_and_is_told_again_at_every_try(tmp_path: Path) -> None:
    posted: list[Event] = []
    journal = await Journal.open(tmp_path, Run("r1", "paper"), post=posted.append, clock=lambda: NOW)
    other = sqlite3.connect(tmp_path / "orders.sqlite", isolation_level=None)
    seq = other.execute("SELECT max(seq) FROM event").fetchone()[0] + 1
    other.execute("INSERT INTO event VALUES(?, 'x', 1, 'note', 'x', '{}', x'', x'')", (seq,))
    other.close()
    with pytest.raises(BrokenChain, match="a row is there that this run did not write"):
        await journal.commit([Row("orders", "note", "a", NOW, {})])
    assert [(event.latch, event.ts_ns) for event in posted if isinstance(event, Trouble)] == [(LatchKind.BROKEN_CHAIN, NOW)]
    journal._store.checkpoint = corrupt  # type: ignore[method-assign]
    await journal._checkpoint()
    assert len([event for event in posted if isinstance(event, Trouble)]) == 2
    await journal.close()


async def test_damage_met_where_nobody_listens_ends_nothing(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path, Run("r1", "paper"), clock=lambda: NOW)
    journal._store.checkpoint = corrupt  # type: ignore[method-assign]
    await journal._checkpoint()
    await journal.commit([Row("orders", "note", "a", NOW, {})])
    await journal.close()


def test_a_row_whose_fields_are_of_other_kinds_is_not_proven() -> None:
    assert _proven_row((1, "r1", NOW, "note", "a", None, b"", b"")) is None


def corrupt(*_: object, **__: object) -> None:
    raise BrokenChain("orders.sqlite", 0, "SQLite finds a malformed image")
