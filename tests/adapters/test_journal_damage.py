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
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal_memory import SyncJournal
from orderflow_tui.adapters.journal_schema import BrokenChain
from orderflow_tui.domain.action import Row
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
