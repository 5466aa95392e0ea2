"""Journals that are done when the call returns: one on disk without a loop, one in memory for backtest and simulation.

Both keep the promises that matter to the core: the order of rows, keys that exist once, nothing half written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from orderflow_tui.adapters.journal_schema import (
    BUSY_MS,
    BrokenChain,
    DuplicateRow,
    StoredRow,
    claims,
    entry_of,
    events,
    observations,
    prove_there,
    verify,
)
from orderflow_tui.adapters.journal_store import MARKET_FILE, ORDERS_FILE, HeadFile, MarketStore, OrderStore, private_file
from orderflow_tui.domain.action import Row
from orderflow_tui.ports import JournalError


class MemoryJournal:
    """Keeps rows in lists. `orders` are the committed and recorded rows of orders in order; market rows are kept only
    when `keep_market`. Refuses what a journal on disk refuses: a batch that repeats a key is not written at all."""

    def __init__(self, *, keep_market: bool = False) -> None:
        self.orders: list[Row] = []
        self.market: list[Row] = []
        self._keep_market = keep_market
        self._owners: dict[tuple[str, str], str] = {}

    def commit_now(self, rows: Sequence[Row]) -> None:
        """Keep rows in one piece. Raises DuplicateRow."""
        fresh: dict[tuple[str, str], str] = {}
        for row in rows:
            for name, value, owner in claims(row.kind, row.payload):
                held = fresh.get((name, value), self._owners.get((name, value)))
                if held is not None and (not owner or held != owner):
                    raise DuplicateRow(f"{name} {value} is already in the journal; {row.kind} {row.ref} was not written")
                fresh[(name, value)] = owner
        self._owners.update(fresh)
        self.orders += rows

    def record(self, row: Row) -> None:
        """Keep a row; one of orders that repeats a key is kept as a duplicate, claiming nothing."""
        if row.book != "orders":
            if self._keep_market:
                self.market.append(row)
            return
        try:
            self.commit_now((row,))
        except DuplicateRow as fault:
            self.orders.append(duplicate_of(row, fault))

    def rows(self, kinds: Collection[str] | None = None) -> list[Row]:
        """The rows of orders in order, as a boot would replay them."""
        return [row for row in self.orders if kinds is None or row.kind in kinds]


class SyncJournal:
    """The same files as the console's journal, written on the spot by the calling thread. A context manager."""

    def __init__(self, folder: Path, run_id: str, now_ns: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run_id = run_id
        self._store, self._bulk = OrderStore(folder), MarketStore(folder)
        self._orders = connect(self._store.path)
        self._market: sqlite3.Connection | None = None
        try:
            self._store.prepare(self._orders, run_id, now_ns)
            self._market = connect(self._bulk.path)
            self._bulk.prepare(self._market)
            self.commit_now([Row("orders", "run_start", run_id, now_ns, {})])
        except BaseException:
            self.close()
            raise

    @property
    def install(self) -> str:
        """Five letters that belong to this journal for ever."""
        return self._store.install

    def commit_now(self, rows: Sequence[Row]) -> None:
        """Write rows durably in one piece. Raises JournalError."""
        refused = self._store.append(self._orders, self.run_id, [[entry_of(row) for row in rows]])[0]
        if refused is not None:
            raise refused

    def record(self, row: Row) -> None:
        """Write a row on the spot."""
        if row.book != "orders":
            assert self._market is not None
            self._bulk.append(self._market, self.run_id, [entry_of(row)])
            return
        try:
            self.commit_now((row,))
        except DuplicateRow as fault:
            self.commit_now((duplicate_of(row, fault),))

    def rows(self, kinds: Collection[str] | None = None) -> list[Row]:
        """The rows of orders in order."""
        return [stored.row for stored in events(self._orders, kinds)]

    def end(self, now_ns: int) -> None:
        """Note the clean stop and close."""
        self.commit_now([Row("orders", "run_end", self.run_id, now_ns, {})])
        self._store.checkpoint(self._orders, whole=True)
        self.close()

    def close(self) -> None:
        """Close without noting a clean stop. Idempotent."""
        for conn in (self._orders, self._market):
            if conn is not None:
                with suppress(sqlite3.Error):
                    conn.close()
        self._store.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def duplicate_of(row: Row, fault: DuplicateRow) -> Row:
    """What is kept of a recorded row that repeats a key: everything, under a kind that claims nothing."""
    return Row("orders", "duplicate", row.ref, row.ts_ns, {"kind": row.kind, "reason": str(fault), "row": {**row.payload}})


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A plain connection with our waiting time. Raises JournalError when the file cannot be opened."""
    if not read_only:
        private_file(path)
    target = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    try:
        return sqlite3.connect(target, uri=True, isolation_level=None, timeout=BUSY_MS / 1000)
    except sqlite3.Error as fault:
        raise JournalError(f"{path} cannot be opened: {fault}; is it there, and is it ours to read?") from fault


def read_events(
    folder: Path, kinds: Collection[str] | None = None, after: int = 0, *, broken: Callable[[BrokenChain], None] | None = None
) -> list[StoredRow]:
    """Rows of orders from outside a running console, as they lie there. Empty when there is no journal. With `broken` the whole
    file is proven in the same read, and what is wrong with it goes there. Raises JournalError for one that cannot be read.
    """
    path = folder / ORDERS_FILE
    noted = HeadFile(folder / f"{ORDERS_FILE}.head").read()  # before the rows: it may lag behind them, never lead
    prove_there(path, noted)
    if not path.exists():
        return []
    conn = connect(path, read_only=True)
    try:
        conn.execute("BEGIN")
        if broken is not None:
            try:
                verify(conn, str(path), noted)
            except BrokenChain as fault:
                broken(fault)
        return events(conn, kinds, after)
    except (sqlite3.Error, ValueError) as fault:
        raise JournalError(f"{path} cannot be read: {fault}") from fault
    finally:
        conn.close()


def read_observations(folder: Path, kind: str, since_ns: int = 0, limit: int = 100_000) -> list[StoredRow]:
    """Market rows of a kind from outside a running console, oldest first. Empty when there is no journal yet."""
    path = folder / MARKET_FILE
    if not path.exists():
        return []
    conn = connect(path, read_only=True)
    try:
        return observations(conn, kind, since_ns, limit)
    except (sqlite3.Error, ValueError) as fault:
        raise JournalError(f"{path} cannot be read: {fault}") from fault
    finally:
        conn.close()
