"""Rows read from pages alone agree with what SQLite reads, and no byte that changed brings more than a row that is not there."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

from orderflow_tui.adapters.journal_pages import rows_in_pages

COLUMNS = 5
MAKE = "CREATE TABLE event(seq INTEGER PRIMARY KEY, ts INTEGER, ref TEXT, payload TEXT, hash BLOB) STRICT"
NUMBERS = (0, 1, -1, 127, -129, 40_000, 9_000_000, 2**31 + 5, 2**40, -(2**62))


def filled(path: Path, *, killed: bool) -> list[tuple[object, ...]]:
    """A file of rows of every length and kind of number; with `killed` its newest half is in its WAL only."""
    stream = random.Random(5)
    at = path.with_name("running")
    at.mkdir()
    conn = sqlite3.connect(at / path.name, isolation_level=None)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("PRAGMA wal_autocheckpoint=0")
    conn.execute(MAKE)
    for seq in range(1, 1_200):
        if seq == 900:
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        size = stream.choice((5, 60, 300, 4_050, 4_061, 4_062, 4_100, 9_000, 20_000) if seq % 40 == 0 else (5, 60, 300))
        row = (seq, NUMBERS[seq % len(NUMBERS)], f"ref-ü-{seq}", "x" * size if seq % 9 else None, stream.randbytes(32))
        conn.execute("INSERT INTO event VALUES(?, ?, ?, ?, ?)", row)
    conn.execute("INSERT INTO event VALUES(?, 1, '', '', x'')", (2**60,))
    rows = conn.execute("SELECT * FROM event ORDER BY seq").fetchall()
    if not killed:
        conn.close()
    for part in ("", "-wal"):
        if (at / f"{path.name}{part}").exists():
            shutil.copy(at / f"{path.name}{part}", f"{path}{part}")
    conn.close()
    return rows


def test_the_pages_tell_every_row_that_sqlite_tells(tmp_path: Path) -> None:
    rows = filled(tmp_path / "db", killed=False)
    assert sorted(set(rows_in_pages(tmp_path / "db", COLUMNS))) == rows
    assert list(rows_in_pages(tmp_path / "db", COLUMNS + 1)) == []


def test_what_is_in_the_wal_alone_is_told_too(tmp_path: Path) -> None:
    rows = filled(tmp_path / "db", killed=True)
    assert sorted(set(rows_in_pages(tmp_path / "db", COLUMNS))) == rows


def test_a_file_that_is_gone_leaves_what_its_wal_holds_though_no_root_is_there(tmp_path: Path) -> None:
    rows = filled(tmp_path / "db", killed=True)
    (tmp_path / "db").unlink()
    told = set(rows_in_pages(tmp_path / "db", COLUMNS))
    assert told <= set(rows)
    assert {row for row in rows if int(str(row[0])) >= 900} <= told


def test_what_was_not_committed_and_what_an_earlier_round_left_in_the_wal_is_not_told(tmp_path: Path) -> None:
    filled(tmp_path / "db", killed=True)
    wal = tmp_path / "db-wal"
    whole = wal.read_bytes()
    (tmp_path / "db").unlink()
    frame = 24 + 4096
    last = len(whole) - frame
    open_ended = bytearray(whole)
    open_ended[last + 4 : last + 8] = bytes(4)  # its last frame is no commit any more
    wal.write_bytes(open_ended)
    assert 2**60 not in {row[0] for row in rows_in_pages(tmp_path / "db", COLUMNS)}
    older = bytearray(whole)
    older[last + 8] ^= 1  # other salts
    wal.write_bytes(older)
    assert 2**60 not in {row[0] for row in rows_in_pages(tmp_path / "db", COLUMNS)}


def test_a_changed_byte_costs_rows_and_never_more(tmp_path: Path) -> None:
    rows = filled(tmp_path / "db", killed=True)
    whole = {part: Path(f"{tmp_path / 'db'}{part}").read_bytes() for part in ("", "-wal")}
    stream, least = random.Random(9), len(rows)
    for _ in range(12):
        for part, content in whole.items():
            damaged = bytearray(content)
            for _ in range(60):
                damaged[stream.randrange(len(damaged))] = stream.randrange(256)
            Path(f"{tmp_path / 'db'}{part}").write_bytes(damaged)
        told = set(rows_in_pages(tmp_path / "db", COLUMNS)) & set(rows)
        least = min(least, len(told))
    assert len(rows) * 3 // 4 < least < len(rows)


def test_a_circle_of_pages_ends(tmp_path: Path) -> None:
    rows = filled(tmp_path / "db", killed=False)
    content = bytearray((tmp_path / "db").read_bytes())
    for start in range(0, len(content), 4096):
        if content[start] == 0:  # the further pages of long rows: each says which is next
            content[start : start + 4] = (start // 4096 + 1).to_bytes(4, "big")
    (tmp_path / "db").write_bytes(content)
    told = set(rows_in_pages(tmp_path / "db", COLUMNS))
    assert {row for row in rows if len(str(row[3])) < 4_000} <= told
