"""What the journal looks like on disk: tables, migrations, the hash chain, the keys that may exist only once.

Everything here is plain sqlite3 on a connection somebody else owns; a call runs whole on that connection's thread.
`orders.sqlite` is append-only. Row n is bound to row n-1 by SHA-256 over its whole content, so a changed byte breaks the
chain at a row that can be named. What the chain cannot see (a lost tail, for instance of a damaged WAL) the head file
shows: it names the last committed row and is only ever written after the commit.
`market.sqlite` can be rebuilt from the tape and carries no chain.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from orderflow_tui.domain.action import Json, Row
from orderflow_tui.ports import JournalError

GENESIS = bytes(32)  # what the first row is bound to
MARKET_KINDS = ("bar", "signal", "decision", "regime", "setup", "hypothesis", "profile")
OTHER_TABLE = "other"  # market rows of a kind without a table of its own
BUSY_MS = 250  # longest wait for a lock somebody else holds
MAGIC = b"SQLite format 3\0"
FORMATS = (b"\1\1", b"\2\2")  # the header's word for a rollback journal and for a WAL
NEWEST = 4  # schema format, the header's number at 44
READING = frozenset(  # what SQLite says when it could not read; every other complaint is about what it has read
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
    }
)

_PAYLOAD = json.JSONEncoder(separators=(",", ":"), allow_nan=False)  # made once; `dumps` makes one a row
_CONTENT = json.JSONEncoder(separators=(",", ":"))

ORDER_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE event(
        seq INTEGER PRIMARY KEY, run_id TEXT NOT NULL, ts_ns INTEGER NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL,
        payload TEXT NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
    CREATE INDEX event_of_kind ON event(kind, seq);
    CREATE TABLE claim(name TEXT NOT NULL, value TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY(name, value))
        STRICT, WITHOUT ROWID;
    CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TRIGGER event_remains BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    """,
)
MARKET_MIGRATIONS: tuple[str, ...] = (
    "".join(
        f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, ts_ns INTEGER NOT NULL, kind TEXT NOT NULL,"
        f" ref TEXT NOT NULL, payload TEXT NOT NULL) STRICT;"
        f"CREATE INDEX {table}_at ON {table}(ts_ns); CREATE INDEX {table}_of ON {table}(ref);"
        for table in (*MARKET_KINDS, OTHER_TABLE)
    ),
)


class BrokenChain(JournalError):
    """The journal is not what was written. `seq` is the first row that cannot be trusted (0: the file as a whole)."""

    def __init__(self, path: str, seq: int, found: str) -> None:
        self.path, self.seq = path, seq
        self.sentence = f"{path} is damaged {f'at row {seq}' if seq else 'as a whole'}: {found}."
        super().__init__(
            f"{self.sentence} Look at position and orders at the broker, flatten by hand if in doubt. The next start keeps the "
            f"file, begins a new journal with what can be proven of it, and is LOCKED."
        )


class DuplicateRow(JournalError):
    """A row names something that exists already and may exist only once."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last committed row: its number and hash."""

    seq: int
    hash: bytes


EMPTY = Head(0, GENESIS)


class Entry(NamedTuple):
    """A row ready to be written: payload as text, keys it claims. Made at the door, so a row that cannot be written is
    refused where it came from and never blocks those behind it."""

    row: Row
    payload: str
    claims: tuple[tuple[str, str, str], ...]


def entry_of(row: Row) -> Entry:
    """Prepare a row. Raises JournalError when it cannot be stored."""
    return Entry(row, payload_text(row.payload), tuple(claims(row.kind, row.payload)) if row.book == "orders" else ())


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as it lies in the file, with the run that wrote it and its place. `id` counts within its table."""

    id: int
    run_id: str
    row: Row


def payload_text(payload: dict[str, Json]) -> str:
    """The payload as stored: compact ASCII JSON in the writer's key order. Raises JournalError for what JSON cannot hold."""
    try:
        return _PAYLOAD.encode(payload)
    except (TypeError, ValueError) as fault:
        raise JournalError(f"a journal row must be plain JSON (numbers finite, keys text): {fault}") from fault


def row_hash(prev: bytes, seq: int, run_id: str, ts_ns: int, kind: str, ref: str, payload: str) -> bytes:
    """SHA-256 over the previous hash and every column; JSON keeps the borders between columns unambiguous."""
    content = _CONTENT.encode([seq, run_id, ts_ns, kind, ref, payload])
    return hashlib.sha256(prev + content.encode("ascii")).digest()


def clean(text: str) -> str:
    """Text that SQLite can hold: lone surrogates (bytes of odd file names) become backslash escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def error_code(fault: sqlite3.Error) -> int:
    """The primary SQLite result code of an exception, 0 when it has none."""
    return int(getattr(fault, "sqlite_errorcode", 0) or 0) & 0xFF


# -- keys that exist once -----------------------------------------------------------------------------------------------


def claims(kind: str, payload: dict[str, Json]) -> list[tuple[str, str, str]]:
    """What a row of orders lays claim to, as (name, value, owner). A claim may be repeated by the same owner only; an
    empty owner may never repeat it.

    intent: its id; for an ENTRY also its cause (one decision or key press, one entry). order: its id and revision, and its
    broker-side number, which stays its own through every revision. fill: base execution id and revision.
    """
    found: list[tuple[str, str, str]] = []
    match kind:
        case "intent":
            found.append(("intent", _text(payload, "id"), ""))
            if payload.get("purpose") == "ENTRY" and payload.get("cause"):
                found.append(("cause", _text(payload, "cause"), ""))
        case "order":
            order_id = _text(payload, "id")
            found.append(("order", f"{order_id}/{payload.get('revision', 0)}", ""))
            if isinstance(payload.get("number"), int):
                found.append(("number", f"{payload.get('client', 0)}/{payload['number']}", order_id))
        case "fill":
            found.append(("fill", f"{_text(payload, 'base_id')}/{payload.get('revision', 0)}", ""))
        case _:
            return found
    return found


def _text(payload: dict[str, Json], key: str) -> str:
    value = payload.get(key)
    if not isinstance(value, str) or not value:
        raise JournalError(f"a journal row needs {key!r} as text, got {value!r}: {sorted(payload)}")
    return value


# -- opening ------------------------------------------------------------------------------------------------------------


def configure(conn: sqlite3.Connection, *, durable: bool) -> None:
    """Set and then read back what durability rests on. Raises JournalError when SQLite did not take a setting."""
    conn.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    for pragma, value, expected in (
        ("journal_mode", "WAL", "wal"),
        ("synchronous", "FULL" if durable else "NORMAL", 2 if durable else 1),
        ("temp_store", "MEMORY", 2),
        ("wal_autocheckpoint", "0" if durable else "1000", 0 if durable else 1000),
    ):
        conn.execute(f"PRAGMA {pragma}={value}")
        got = conn.execute(f"PRAGMA {pragma}").fetchone()[0]
        if got != expected:
            raise JournalError(f"SQLite did not accept {pragma}={value}: it says {got!r}; is the folder on a network drive?")


def migrate(conn: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the file to the newest schema, each numbered step in a transaction of its own."""
    version = int(conn.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise JournalError(f"the journal has schema {version}, this program knows {len(migrations)}: use the newer program")
    for number in range(version, len(migrations)):
        conn.executescript(f"BEGIN IMMEDIATE;{migrations[number]}PRAGMA user_version={number + 1};COMMIT;")


def prove_there(path: Path, noted: Head | None) -> None:
    """That the file is not gone or empty while rows are known to have been in it. To be asked before SQLite is: where it finds an
    empty file it deletes the WAL beside it, however many rows lie there, and even when it only reads. Raises BrokenChain.
    """
    if path.exists() and path.stat().st_size:
        return
    if noted is not None and noted.seq:
        raise BrokenChain(str(path), 1, f"it is empty, {noted.seq} committed rows up to row {noted.seq} are gone from it")
    wal = Path(f"{path}-wal")
    if wal.exists() and wal.stat().st_size:
        raise BrokenChain(str(path), 0, "it is empty, and the WAL beside it is not")


def prove_shape(conn: sqlite3.Connection, path: Path, noted: Head | None) -> None:
    """That nothing was changed which SQLite itself goes by, before anything is written: its header's first bytes, the schema's
    number and the tables that belong to it. An empty file passes where no head was noted and no WAL lies. Raises BrokenChain.
    """
    prove_there(path, noted)
    with path.open("rb") as stream:
        header = stream.read(48)
    if header and (
        len(header) < 48
        or header[:16] != MAGIC
        or header[18:20] not in FORMATS
        or header[44:47] != bytes(3)
        or header[47] > NEWEST
    ):
        raise BrokenChain(str(path), 0, "SQLite finds a header that is not a database's")
    version = int(conn.execute("PRAGMA user_version").fetchone()[0])
    tables, known = schema_of(conn), len(ORDER_MIGRATIONS)
    if not tables and noted is not None and noted.seq:
        raise BrokenChain(str(path), 1, f"{noted.seq} committed rows up to row {noted.seq} are gone")
    if version > known and tables != expected_schema(ORDER_MIGRATIONS):
        return  # a newer program's; `migrate` says so
    if not 0 <= version <= known:
        raise BrokenChain(str(path), 0, f"its schema says number {version}, its tables are those of number {known}")
    if tables != expected_schema(ORDER_MIGRATIONS[:version]):
        raise BrokenChain(str(path), 0, f"its tables are not the journal's of schema {version}")


@cache
def expected_schema(migrations: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The (name, sql) pairs a whole file has."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(conn, migrations)
        return schema_of(conn)
    finally:
        conn.close()


def schema_of(conn: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    """The (name, sql) pairs of a file."""
    return tuple(conn.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"))


# -- reading and proving ------------------------------------------------------------------------------------------------


def proven_rows(conn: sqlite3.Connection, path: str) -> Iterator[tuple[Head, str, str]]:
    """Walk the chain from the first row, yielding (head after the row, kind, payload); BrokenChain at the first bad row."""
    prev, expected = GENESIS, 1
    columns = "seq, run_id, ts_ns, kind, ref, payload, prev_hash, hash"
    for seq, run_id, ts_ns, kind, ref, payload, prev_hash, own in conn.execute(f"SELECT {columns} FROM event ORDER BY seq"):
        if seq != expected:
            raise BrokenChain(path, expected, f"row {expected} is missing, the next one is {seq}")
        if prev_hash != prev or own != row_hash(prev, seq, run_id, ts_ns, kind, ref, payload):
            raise BrokenChain(path, seq, "its content does not match its hash")
        prev, expected = own, seq + 1
        yield Head(seq, own), kind, payload


def verify(conn: sqlite3.Connection, path: str, noted: Head | None) -> Head:
    """Prove the whole file: structure, schema, chain, claims, and that nothing after the noted head is missing.

    Raises BrokenChain for what was read, sqlite3.Error where it could not be read.
    """
    try:
        if schema_of(conn) != expected_schema(ORDER_MIGRATIONS):
            raise BrokenChain(path, 0, "its tables are not the journal's")
        report = conn.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if report != "ok":
            raise BrokenChain(path, 0, f"SQLite finds {report}")
        head, noted_hash = EMPTY, None
        owners: dict[tuple[str, str], str] = {}
        for head, kind, payload in proven_rows(conn, path):
            for name, value, owner in claims(kind, json.loads(payload)):
                owners[(name, value)] = owner
            if noted is not None and head.seq == noted.seq:
                noted_hash = head.hash
        if noted is not None and noted.seq > head.seq:
            raise BrokenChain(path, head.seq + 1, f"{noted.seq - head.seq} committed rows up to row {noted.seq} are gone")
        if noted is not None and noted.seq and noted_hash != noted.hash:
            raise BrokenChain(path, noted.seq, "it is not the row that was committed")
        stored = {(n, v): o for n, v, o in conn.execute("SELECT name, value, owner FROM claim")}
        if stored != owners:
            raise BrokenChain(path, 0, "its list of used keys does not match its rows")
        return head
    except sqlite3.Error as fault:
        if error_code(fault) in READING:
            raise
        raise BrokenChain(path, 0, f"SQLite finds {fault}") from fault
    except (ValueError, TypeError) as fault:  # text that is no UTF-8, JSON that is none
        raise BrokenChain(path, 0, f"its content cannot be read: {fault}") from fault


def events(conn: sqlite3.Connection, kinds: Collection[str] | None = None, after: int = 0) -> list[StoredRow]:
    """Rows of orders in order, of these kinds (None: all), after a sequence number."""
    where, args = "seq > ?", [after]
    if kinds is not None:
        where += f" AND kind IN ({','.join('?' * len(kinds))})"
    query = f"SELECT seq, run_id, kind, ref, ts_ns, payload FROM event WHERE {where} ORDER BY seq"
    return [
        StoredRow(seq, run_id, Row("orders", kind, ref, ts_ns, json.loads(payload)))
        for seq, run_id, kind, ref, ts_ns, payload in conn.execute(query, [*args, *(kinds or ())])
    ]


def newest_first(conn: sqlite3.Connection, kind: str, about: str, limit: int) -> list[str]:
    """Payloads of market rows of a kind whose ref begins with `about`, the newest instant and writing first, unread."""
    table = kind if kind in MARKET_KINDS else OTHER_TABLE
    query = f"SELECT payload FROM {table} WHERE kind = ? AND substr(ref, 1, ?) = ? ORDER BY ts_ns DESC, id DESC LIMIT ?"
    return [payload for (payload,) in conn.execute(query, (kind, len(about), about, limit))]


def observations(conn: sqlite3.Connection, kind: str, since_ns: int = 0, limit: int = 100_000) -> list[StoredRow]:
    """The newest `limit` market rows of a kind from an instant on, oldest first; of each ref the newest writing only."""
    table = kind if kind in MARKET_KINDS else OTHER_TABLE
    newest = f"SELECT max(id) FROM {table} WHERE ts_ns >= ? AND kind = ? GROUP BY ref"
    query = (
        f"SELECT id, run_id, kind, ref, ts_ns, payload FROM {table} WHERE id IN ({newest}) ORDER BY ts_ns DESC, id DESC LIMIT ?"
    )
    found = [
        StoredRow(row_id, run_id, Row("market", of, ref, ts_ns, json.loads(payload)))
        for row_id, run_id, of, ref, ts_ns, payload in conn.execute(query, (since_ns, kind, limit))
    ]
    return found[::-1]
