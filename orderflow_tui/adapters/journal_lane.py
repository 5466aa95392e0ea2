"""One SQLite file on a thread of its own, through aiosqlite; and a reader made of such lanes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

import aiosqlite

from orderflow_tui.adapters.journal_schema import BUSY_MS, StoredRow, events, newest_first, observations
from orderflow_tui.adapters.journal_store import MARKET_FILE, ORDERS_FILE, private_file
from orderflow_tui.ports import JournalError

T = TypeVar("T")


class Lane:
    """One SQLite file on a thread of its own."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    @classmethod
    async def open(cls, path: Path, *, read_only: bool = False, factory: type[sqlite3.Connection] = sqlite3.Connection) -> Self:
        """Connect. Raises JournalError when the file cannot be opened."""
        if not read_only:
            private_file(path)
        target = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        db = aiosqlite.connect(target, uri=True, isolation_level=None, timeout=BUSY_MS / 1000, factory=factory)
        db._thread.daemon = True
        try:
            await db
        except sqlite3.Error as fault:
            db._thread.join(1.0)  # it was told to end; its last word must find this loop still open
            raise JournalError(f"{path} cannot be opened: {fault}; is it there, and is its folder writable for us?") from fault
        return cls(db)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a callable whole on the connection's thread, after everything asked before."""
        result: T = await self._db._execute(work, self._db._conn)  # type: ignore[no-untyped-call]
        return result

    def run_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same for a caller that must not go on before it is done: blocks, from any thread but the connection's own."""
        done: Future[T] = Future()

        def job() -> None:
            try:
                done.set_result(work(self._db._conn))
            except BaseException as fault:
                done.set_exception(fault)

        self._db._tx.put_nowait((asyncio.get_running_loop().create_future(), job))
        return done.result()

    async def close(self) -> None:
        """Close the connection and end its thread. Idempotent."""
        with suppress(sqlite3.Error, ValueError):
            await self._db.close()


class Reader:
    """A connection of its own for slow readers: what it does never delays a commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lanes: dict[str, Lane] = {}

    async def events(self, kinds: Collection[str] | None = None, after: int = 0) -> list[StoredRow]:
        """Rows of orders of these kinds (None: all) after a sequence number, in order."""
        return await (await self._lane(ORDERS_FILE)).run(lambda conn: events(conn, kinds, after))

    async def observations(self, kind: str, since_ns: int = 0, limit: int = 100_000) -> list[StoredRow]:
        """Market rows of a kind from an instant on, oldest first, the newest writing of each ref."""
        return await (await self._lane(MARKET_FILE)).run(lambda conn: observations(conn, kind, since_ns, limit))

    async def newest_first(self, kind: str, about: str, limit: int) -> list[str]:
        """Payloads, still as text, of market rows of a kind whose ref begins with `about`, the newest first."""
        return await (await self._lane(MARKET_FILE)).run(lambda conn: newest_first(conn, kind, about, limit))

    async def close(self) -> None:
        """Close. Idempotent."""
        while self._lanes:
            await self._lanes.popitem()[1].close()

    async def _lane(self, name: str) -> Lane:
        if name not in self._lanes:
            self._lanes[name] = await Lane.open(self._folder / name, read_only=True)
        return self._lanes[name]
