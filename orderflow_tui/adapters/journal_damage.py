"""A damaged journal: kept as it was, and a fresh one begun that carries what can be proven of it.

Theory. A start that finds damage must not end: somebody may hold a position and want to look and to flatten. So the damaged
files are copied beside, byte for byte and before anything is written, and a fresh journal takes their place in one rename.
Killed anywhere in between, the next start finds the damage again and does the same; nothing is lost either way.

What goes over is every row whose own hash fits its content, wherever in file or WAL it lies: such a row is what was
written, whatever happened to its neighbours. What is missing between them is missing as if the process had died before
writing it, which replay and reconciliation are made for. The name of the installation stays, because orders at the broker
bear it; the count of order names goes on far above everything that can be read, and above the clock in milliseconds, so that
a name whose row was lost is not drawn again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from orderflow_tui.adapters.journal_pages import mapped, rows_in_pages
from orderflow_tui.adapters.journal_schema import BrokenChain, StoredRow, entry_of, row_hash
from orderflow_tui.adapters.journal_store import (
    INSTALL_LETTERS,
    ORDERS_FILE,
    HeadFile,
    OrderStore,
    new_install,
    private_file,
    sync_folder,
)
from orderflow_tui.domain.action import Json, Row
from orderflow_tui.ports import JournalError

FRESH = "fresh"  # the folder in which a fresh journal is made before it takes the damaged one's place
PARTS = ("", "-wal", ".head")
GAP = 1_000_000
NAME = re.compile(rb"of1-([" + INSTALL_LETTERS.encode() + rb"]{5})-(\d{1,18})")

COLUMNS = 8  # of a row: seq, run_id, ts_ns, kind, ref, payload, prev_hash, hash


@dataclass(frozen=True, slots=True)
class Damage:
    """What a start found. `rows` are the proven ones, in order; `lost` how many are known to be missing among them and after
    them; `install` and `counter` what order names go on with; `named` whether the damaged files told the install."""

    ts_ns: int
    found: str
    kept: Path
    rows: tuple[StoredRow, ...]
    lost: int
    install: str
    counter: int
    named: bool


LastRows = Callable[[Damage], Sequence[Row]]  # what a fresh journal's beginning ends with


def keep(path: Path, fault: BrokenChain, now_ns: int) -> Path:
    """Copy a damaged journal beside itself, with its WAL and head, and make the copy durable; the copy's path.

    Call it before the connection that found the damage is closed: closing may still move its WAL into the file.
    Raises JournalError when there is no room.
    """
    before = _kept_with_its_wal(path)
    if before is not None:
        return before
    kept = path.with_name(f"{path.name}.damaged-{now_ns}")
    try:
        for part in PARTS:
            source, target = Path(f"{path}{part}"), Path(f"{kept}{part}")
            if source.exists() and (not part or source.stat().st_size):  # an empty WAL is one that our looking has made
                shutil.copy2(source, target)
                target.chmod(0o600)
                _sync(target)
        sync_folder(path.parent)
    except OSError as trouble:
        raise JournalError(
            f"{fault} It could not be kept as {kept.name}: {trouble.strerror}; make room and start again"
        ) from fault
    return kept


def _kept_with_its_wal(path: Path) -> Path | None:
    """The copy of this very damage that an earlier start made, which died when it had taken the WAL away: the rows are there."""
    head, wal = Path(f"{path}.head"), Path(f"{path}-wal")
    if not (head.exists() or path.stat().st_size) or (wal.exists() and wal.stat().st_size):
        return None
    for kept_wal in path.parent.glob(f"{path.name}.damaged-*-wal"):
        kept = kept_wal.with_name(kept_wal.name.removesuffix("-wal"))
        if _content(kept) == _content(path) and _content(Path(f"{kept}.head")) == _content(head):
            return kept
    return None


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def begin_anew(path: Path, kept: Path, fault: BrokenChain, run_id: str, now_ns: int, last_rows: LastRows) -> Damage:
    """Put a fresh journal in the place of the damaged one: genesis, what happened, the proven rows, `last_rows`."""
    damage = salvage(kept, fault, now_ns)
    folder = path.parent / FRESH
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
        _write(folder, damage, run_id, last_rows(damage))
        for stale in ("-wal", "-shm"):  # of the damaged file: kept as a copy; beside the fresh one it would be read as its own
            Path(f"{path}{stale}").unlink(missing_ok=True)
        for part in ("", ".head"):  # the file first: an old head beside it is damage again, never a journal without its lock
            Path(f"{folder / ORDERS_FILE}{part}").replace(f"{path}{part}")
        shutil.rmtree(folder, ignore_errors=True)
        sync_folder(path.parent)
    except OSError as trouble:
        told = f"It was kept as {kept.name}, a new one could not be begun: {trouble.strerror}; make room and start again"
        raise JournalError(f"{fault.sentence} {told}") from fault
    return damage


def _write(folder: Path, damage: Damage, run_id: str, last: Sequence[Row]) -> None:
    """A whole journal in a folder of its own, all of it in the file itself."""
    store = OrderStore(folder)
    private_file(store.path)
    told: dict[str, Json] = {"found": damage.found, "kept": damage.kept.name, "carried": len(damage.rows), "lost": damage.lost}
    with closing(sqlite3.connect(store.path, isolation_level=None)) as conn:
        store.begin(conn, run_id, damage.ts_ns, damage.install)
        store.append(conn, run_id, [[entry_of(Row("orders", "damaged", damage.kept.name, damage.ts_ns, told))]])
        for run, rows in groupby(damage.rows, key=lambda stored: stored.run_id):
            alone = [[entry_of(stored.row)] for stored in rows]  # a key that is there twice stays out
            store.append(conn, run, alone)
        store.append(conn, run_id, [[entry_of(row) for row in last]])
        store.checkpoint(conn, whole=True)
    store.release()
    _sync(store.path)


# -- what can be read of it ---------------------------------------------------------------------------------------------


def salvage(kept: Path, fault: BrokenChain, now_ns: int) -> Damage:
    """Everything a damaged journal still proves. Reads the copy and leaves it as it is."""
    rows = _proven(kept)
    head = HeadFile(Path(f"{kept}.head"))
    noted = head.read()
    genesis = next((stored.row.ref for stored in rows if stored.row.kind == "genesis"), "")
    names = _names(kept)
    install = genesis or head.install or _commonest(names)
    named = bool(install)
    install = install or new_install()
    highest = max((count for (name, count) in names if name == install), default=0)
    last = max(rows[-1].id if rows else 0, 0 if noted is None else noted.seq)
    return Damage(
        ts_ns=now_ns,
        found=fault.sentence,
        kept=kept,
        rows=tuple(stored for stored in rows if stored.row.kind != "genesis"),
        lost=last - len(rows),
        install=install,
        counter=max(highest + GAP, now_ns // 1_000_000),
        named=named,
    )


def _proven(kept: Path) -> list[StoredRow]:
    """The rows whose own hash fits, in order. Of two with one number the one that lies first: what was committed does."""
    found: dict[int, StoredRow] = {}
    for row in rows_in_pages(kept, COLUMNS):
        if row[0] not in found and (proven := _proven_row(row)) is not None:
            found[proven.id] = proven
    return [found[seq] for seq in sorted(found)]


def _proven_row(row: tuple[object, ...]) -> StoredRow | None:
    seq, run_id, ts_ns, kind, ref, payload, prev_hash, own = row
    match (seq, run_id, ts_ns, kind, ref, payload, prev_hash):
        case (int(), str(), int(), str(), str(), str(), bytes()):
            if row_hash(prev_hash, seq, run_id, ts_ns, kind, ref, payload) != own:
                return None
            return StoredRow(seq, run_id, Row("orders", kind, ref, ts_ns, json.loads(payload)))
        case _:
            return None


def _names(kept: Path) -> Counter[tuple[str, int]]:
    """(install, count) of every order name in the bytes themselves, where no SQLite is needed to read them."""
    found: Counter[tuple[str, int]] = Counter()
    for part in PARTS[:2]:
        with mapped(Path(f"{kept}{part}")) as content:
            found.update((install.decode(), int(count)) for install, count in NAME.findall(content))
    return found


def _commonest(names: Counter[tuple[str, int]]) -> str:
    by_install: Counter[str] = Counter()
    for (install, _), times in names.items():
        by_install[install] += times
    return by_install.most_common(1)[0][0] if by_install else ""


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
