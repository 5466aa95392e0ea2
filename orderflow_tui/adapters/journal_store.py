"""The two files of the journal, written by plain synchronous calls on one sqlite3 connection each.

`OrderStore.append` is one transaction of many batches: a batch that repeats a key that exists is refused alone, every other
trouble rolls everything back and is told as JournalError. After any trouble the head is read again from the file, never
remembered. SQLite goes on writing to a file that was removed, and nobody would find it again: nothing is said to be written
unless the file still lies where it was opened. `MarketStore` writes in bulk and may lose a batch.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import string
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from orderflow_tui.adapters.journal_schema import (
    BUSY_MS,
    EMPTY,
    MARKET_KINDS,
    MARKET_MIGRATIONS,
    ORDER_MIGRATIONS,
    OTHER_TABLE,
    READING,
    BrokenChain,
    DuplicateRow,
    Entry,
    Head,
    clean,
    configure,
    entry_of,
    error_code,
    migrate,
    prove_shape,
    row_hash,
    verify,
)
from orderflow_tui.domain.action import Row
from orderflow_tui.ports import JournalError

ORDERS_FILE = "orders.sqlite"
MARKET_FILE = "market.sqlite"
RESERVE_FILE = "reserve"
RESERVE_BYTES = 4 * 1024 * 1024
NO_ROOM_BYTES = 64 * 1024  # an -shm takes half of it
INSTALL_LETTERS = string.ascii_lowercase + string.digits
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class DiskFull(JournalError):
    """The disk has no room. `gave`: the reserve file was given up just now, so that the next rows fit."""

    def __init__(self, sentence: str, *, gave: bool = False) -> None:
        super().__init__(sentence)
        self.gave = gave


class MarketDamaged(JournalError):
    """A market file that will never take rows: it is not what was written, or another program's."""


class OrderStore:
    """orders.sqlite: durable, append-only, chained. Every method runs on the connection's own thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / ORDERS_FILE
        self._reserve = folder / RESERVE_FILE
        self._head_file = HeadFile(folder / f"{ORDERS_FILE}.head")
        self._head = EMPTY
        self._place = Place(
            self.path, f"Entries stay off, flatten works still; stop, put {folder} back as it was and start again"
        )
        self.install = ""
        self.notes: list[str] = []
        self.spent = False  # the disk was full, and the reserve went to the rows of this run

    def prepare(self, conn: sqlite3.Connection, run_id: str, ts_ns: int) -> None:
        """Settings, schema, proof of the whole file, genesis row, reserve, which is given up where there is no room without.

        Raises BrokenChain or JournalError.
        """
        try:
            self._prepare(conn, run_id, ts_ns)
        except DiskFull as full:
            if not full.gave:
                raise
            self._roll_back(conn)
            self._prepare(conn, run_id, ts_ns)

    def _prepare(self, conn: sqlite3.Connection, run_id: str, ts_ns: int) -> None:
        try:
            noted = self._head_file.read()
            prove_shape(conn, self.path, noted)
            new = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
            configure(conn, durable=True)
            migrate(conn, ORDER_MIGRATIONS)
            self._head = verify(conn, str(self.path), noted)
            if self._head.seq == 0:
                self._genesis(conn, run_id, ts_ns, new_install())
            self.install = str(conn.execute("SELECT ref FROM event WHERE seq=1").fetchone()[0])
            self._place.remember()
        except sqlite3.Error as fault:
            raise self._trouble(fault) from fault
        except UnicodeDecodeError as fault:  # SQLite's own complaint quotes damaged text
            raise BrokenChain(str(self.path), 0, f"its content cannot be read: {fault}") from fault
        self._head_file.install = self.install
        self._head_file.write(self._head)
        if not self.spent:
            self._take_reserve(new)
        sync_folder(self.path.parent)

    def begin(self, conn: sqlite3.Connection, run_id: str, ts_ns: int, install: str) -> None:
        """Settings, schema and genesis row of a file that is new. Raises JournalError."""
        try:
            configure(conn, durable=True)
            migrate(conn, ORDER_MIGRATIONS)
        except sqlite3.Error as fault:
            raise self._trouble(fault) from fault
        self._genesis(conn, run_id, ts_ns, install)

    def _genesis(self, conn: sqlite3.Connection, run_id: str, ts_ns: int, install: str) -> None:
        self._head_file.install = install
        self.append(conn, run_id, [[entry_of(Row("orders", "genesis", install, ts_ns, {"install": install}))]])

    def append(self, conn: sqlite3.Connection, run_id: str, batches: Sequence[Sequence[Entry]]) -> list[DuplicateRow | None]:
        """Write batches in one durable transaction; for each, None or why it alone was refused. JournalError: none written."""
        outcomes: list[DuplicateRow | None] = []
        head = self._head
        try:
            conn.execute("BEGIN IMMEDIATE")
            for claiming, group in groupby(batches, key=_claiming):
                if claiming:
                    for batch in group:
                        head, refused = self._insert_alone(conn, head, run_id, batch)
                        outcomes.append(refused)
                else:  # nothing in these can be refused: as one
                    plain = list(group)
                    head = self._insert(conn, head, run_id, [entry for batch in plain for entry in batch])
                    outcomes += [None] * len(plain)
            self._place.prove()  # before, so that rows that are tried again are not written twice
            conn.execute("COMMIT")
            self._place.prove()  # and after: it may have gone meanwhile
        except BaseException as fault:
            self._roll_back(conn)
            if isinstance(fault, sqlite3.Error):
                raise self._trouble(fault) from fault
            raise
        self._head = head
        self._head_file.write(head)
        return outcomes

    def checkpoint(self, conn: sqlite3.Connection, *, whole: bool = False) -> None:
        """Move the WAL into the file. Best effort: a reader in the way only postpones it. Raises BrokenChain alone."""
        try:
            conn.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if whole else 'PASSIVE'})").fetchall()
        except sqlite3.Error as fault:
            if error_code(fault) in DAMAGED:
                raise self._trouble(fault) from fault

    def release(self) -> None:
        """Give the head file back."""
        self._head_file.close()

    def _insert_alone(
        self, conn: sqlite3.Connection, head: Head, run_id: str, batch: Sequence[Entry]
    ) -> tuple[Head, DuplicateRow | None]:
        """A batch that may be refused without the others: the head after it, and why it was refused."""
        conn.execute("SAVEPOINT batch")
        refused = None
        try:
            after = self._insert(conn, head, run_id, batch)
        except DuplicateRow as fault:
            conn.execute("ROLLBACK TO batch")
            after, refused = head, fault
        conn.execute("RELEASE batch")
        return after, refused

    def _insert(self, conn: sqlite3.Connection, head: Head, run_id: str, entries: Sequence[Entry]) -> Head:
        """Chain rows to the head and make their claims; the head after them."""
        seq, last, rows = head.seq, head.hash, []
        for row, payload, _ in entries:
            seq, before, ref = seq + 1, last, clean(row.ref)
            last = row_hash(before, seq, run_id, row.ts_ns, row.kind, ref, payload)
            rows.append((seq, run_id, row.ts_ns, row.kind, ref, payload, before, last))
        conn.executemany(
            "INSERT INTO event(seq, run_id, ts_ns, kind, ref, payload, prev_hash, hash) VALUES(?,?,?,?,?,?,?,?)", rows
        )
        for row, _, claims in entries:
            for name, value, owner in claims:
                self._claim(conn, row, name, value, owner)
        return Head(seq, last)

    def _claim(self, conn: sqlite3.Connection, row: Row, name: str, value: str, owner: str) -> None:
        if conn.execute("INSERT OR IGNORE INTO claim(name, value, owner) VALUES(?,?,?)", (name, value, owner)).rowcount:
            return
        held = conn.execute("SELECT owner FROM claim WHERE name=? AND value=?", (name, value)).fetchone()[0]
        if not owner or held != owner:
            raise DuplicateRow(f"{name} {value} is already in the journal; {row.kind} {row.ref} was not written")

    def _roll_back(self, conn: sqlite3.Connection) -> None:
        with suppress(sqlite3.Error):
            if conn.in_transaction:
                conn.execute("ROLLBACK")
        with suppress(sqlite3.Error):
            last = conn.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
            self._head = Head(*last) if last else EMPTY

    def _trouble(self, fault: sqlite3.Error) -> JournalError:
        """What an SQLite error means for us, in a sentence."""
        code = error_code(fault)
        if is_full(fault, self.path):
            gave = self.give_up_reserve()
            self.spent = self.spent or gave
            given = "the 4 MiB reserve was given up for the next rows" if gave else "the reserve is used up"
            return DiskFull(f"the disk of {self.path} is full: {given}; make room and restart", gave=gave)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return JournalError(f"{self.path} is locked by {lock_holder(self.path)} for more than {BUSY_MS} ms: close it there")
        if code == sqlite3.SQLITE_CONSTRAINT and "event.seq" in str(fault):
            return BrokenChain(str(self.path), self._head.seq, "a row is there that this run did not write")
        if code in DAMAGED:
            return BrokenChain(str(self.path), 0, f"SQLite finds {fault}")
        return JournalError(f"{self.path} cannot be written: {fault}")

    def give_up_reserve(self) -> bool:
        """Delete the reserve file; False when it was gone already."""
        try:
            self._reserve.unlink()
        except OSError:
            return False
        return True

    def _take_reserve(self, new: bool) -> None:
        if self._reserve.exists() and self._reserve.stat().st_size == RESERVE_BYTES:
            return
        try:
            fd = os.open(self._reserve, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, RESERVE_BYTES)
            finally:
                os.close(fd)
        except OSError as fault:
            self.give_up_reserve()
            self.notes.append(f"no room for the journal's {RESERVE_BYTES // 2**20} MiB reserve: {fault.strerror}")
        if not new and not self.notes:
            self.notes.append("the journal's reserve was missing (the disk has been full) and was made again")


def new_install() -> str:
    """A name for an installation: five letters, drawn."""
    return "".join(secrets.choice(INSTALL_LETTERS) for _ in range(5))


class Place:
    """Where a database was opened: its file and its WAL, each by device and inode. `advice`: what to do once they are gone."""

    def __init__(self, path: Path, advice: str) -> None:
        self._path, self._advice = path, advice
        self._opened: dict[str, tuple[int, int]] = {}

    def remember(self) -> None:
        """Take what lies there now for what is open. Call it when SQLite has made its WAL. Raises JournalError."""
        self._opened = {}
        self._opened = {name: self._inode(name) for name in (str(self._path), f"{self._path}-wal")}

    def prove(self) -> None:
        """That the open files still lie there; nothing before `remember`. Raises JournalError."""
        for name, opened in self._opened.items():
            if self._inode(name) != opened:
                raise self._gone(name)

    def _inode(self, name: str) -> tuple[int, int]:
        try:
            found = os.stat(name)
        except OSError as fault:
            raise self._gone(name) from fault
        return found.st_dev, found.st_ino

    def _gone(self, name: str) -> JournalError:
        return JournalError(
            f"{name} was moved or removed while it was in use: what is written now would be lost, so nothing is. {self._advice}"
        )


def _claiming(batch: Sequence[Entry]) -> bool:
    """Whether any row of a batch claims a key, so that it can be refused."""
    return any(entry.claims for entry in batch)


class HeadFile:
    """The number and hash of the last committed row in a small file of its own, written after each commit, and the name of
    the installation, which a journal that cannot be read any more does not tell.

    It is not synced: the database is, first. So the file may lag behind the database and never runs ahead of it.
    A record that does not check out proves nothing and is treated as absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.install = ""
        self._fd = -1

    def read(self) -> Head | None:
        """The noted head, None when there is none that checks out. Puts the noted install into `install`."""
        try:
            *noted, check = self.path.read_text(encoding="ascii").split()
            seq, digest, install = noted if len(noted) == 3 else (*noted, "")  # without it: written by an older program
            head = Head(int(seq), bytes.fromhex(digest))
        except (OSError, ValueError):
            return None
        if check != _check(*noted):
            return None
        self.install = install
        return head

    def write(self, head: Head) -> None:
        """Note a head. Trouble here never fails a commit: the note is a second witness."""
        seq, digest = f"{head.seq:020d}", head.hash.hex()
        noted = (seq, digest, self.install) if self.install else (seq, digest)
        record = f"{' '.join(noted)} {_check(*noted)}\n".encode("ascii")
        with suppress(OSError):
            if self._fd < 0:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._fd, record, 0)

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _check(*noted: str) -> str:
    return hashlib.sha256(" ".join(noted).encode("ascii")).hexdigest()[:16]


class MarketStore:
    """market.sqlite: bulk writes, no chain. Every method runs on the connection's own thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / MARKET_FILE
        self._place = Place(self.path, "Put it back as it was, or stop and start again")

    def prepare(self, conn: sqlite3.Connection) -> None:
        """Settings and schema. Raises MarketDamaged where no row will ever be taken, JournalError where none can be now."""
        rebuilt = "it can be moved aside, the tape rebuilds it"
        try:
            configure(conn, durable=False)
            version, known = int(conn.execute("PRAGMA user_version").fetchone()[0]), len(MARKET_MIGRATIONS)
            if version > known:
                raise MarketDamaged(f"{self.path} has schema {version}, this program knows {known}; {rebuilt}")
            migrate(conn, MARKET_MIGRATIONS)
            self._place.remember()
        except (sqlite3.Error, UnicodeDecodeError) as fault:  # SQLite's own complaint quotes damaged text
            if isinstance(fault, sqlite3.Error) and error_code(fault) in READING:
                raise self._trouble(fault, "used") from fault
            raise MarketDamaged(f"{self.path} cannot be used: {fault}; {rebuilt}") from fault

    def append(self, conn: sqlite3.Connection, run_id: str, entries: Sequence[Entry]) -> None:
        """Write rows in one transaction. Raises DiskFull or JournalError; then none of them was written."""
        try:
            conn.execute("BEGIN IMMEDIATE")
            for entry in entries:
                row = entry.row
                table = row.kind if row.kind in MARKET_KINDS else OTHER_TABLE
                conn.execute(
                    f"INSERT INTO {table}(run_id, ts_ns, kind, ref, payload) VALUES(?,?,?,?,?)",
                    (run_id, row.ts_ns, row.kind, clean(row.ref), entry.payload),
                )
            self._place.prove()
            conn.execute("COMMIT")
        except BaseException as fault:
            with suppress(sqlite3.Error):
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
            if isinstance(fault, sqlite3.Error):
                raise self._trouble(fault, "written") from fault
            raise

    def _trouble(self, fault: sqlite3.Error, what: str) -> JournalError:
        code = error_code(fault)
        if is_full(fault, self.path):
            return DiskFull(f"the disk of {self.path} is full: no more rows of the market are kept; make room and restart")
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return JournalError(f"{self.path} is locked by {lock_holder(self.path)}: close it there")
        return JournalError(f"{self.path} cannot be {what}: {fault}")


def is_full(fault: sqlite3.Error, path: Path) -> bool:
    """Whether an SQLite error means that there is no room. Where SQLite cannot make its -shm it says "I/O error"."""
    code = error_code(fault)
    if code not in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return code == sqlite3.SQLITE_FULL
    with suppress(OSError):
        disk = os.statvfs(path.parent)
        return disk.f_bavail * disk.f_frsize < NO_ROOM_BYTES
    return False


def private_file(path: Path) -> None:
    """Make sure the file is there and ours alone before SQLite opens it: its WAL takes over the mode. Raises JournalError."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as fault:
        raise JournalError(f"{path} cannot be opened for writing: {fault.strerror}; is its folder ours?") from fault


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def lock_holder(path: Path) -> str:
    """Who holds a lock on the database or its shared memory, from the kernel's list; a general word where it cannot tell."""
    inodes = set()
    for name in (path, path.with_name(path.name + "-shm"), path.with_name(path.name + "-wal")):
        with suppress(OSError):
            inodes.add(str(name.stat().st_ino))
    with suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if "WRITE" in fields and fields[5].rsplit(":", 1)[-1] in inodes and fields[4] != str(os.getpid()):
                command = Path(f"/proc/{fields[4]}/comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"process {fields[4]} ({command})"
    return "another process"
