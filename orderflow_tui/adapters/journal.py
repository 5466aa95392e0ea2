"""The journal: our memory, durable before anything leaves the house.

Two files, two connections, two threads (aiosqlite): rows of orders never wait for rows of the market. Every transaction
is one callable that runs whole on the connection's thread; it is never awaited statement by statement, so no other task
can come between its parts and a cancelled caller cannot tear it (the write goes on, what was written is read again from
the file). Rows of orders keep the order they were handed over in, whether committed or recorded, and wait in one queue
that drops nothing; several waiting commits share one fsync. Rows of the market are `journal_market.py`'s.

Connections are closed on every path out, and their threads are daemons: an open connection never keeps a dead program alive.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from loguru import logger

from orderflow_tui.adapters.journal_damage import Damage, LastRows, begin_anew, keep
from orderflow_tui.adapters.journal_lane import Lane, Reader
from orderflow_tui.adapters.journal_market import MarketRows
from orderflow_tui.adapters.journal_memory import duplicate_of
from orderflow_tui.adapters.journal_schema import BrokenChain, DuplicateRow, Entry, entry_of, events
from orderflow_tui.adapters.journal_store import DiskFull, OrderStore
from orderflow_tui.domain.action import Json, Row
from orderflow_tui.domain.event import JournalFailed, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.ports import JournalError, Post

__all__ = ["BrokenChain", "Damage", "DiskFull", "DuplicateRow", "Journal", "JournalError", "Reader", "Run"]

ORDER_ROWS_WAITING = 65_536  # never dropped; beyond this the caller is told
ROWS_PER_TURN = 512
RETRY_S = 0.25
TURNS_PER_CHECKPOINT = 500


@dataclass(frozen=True, slots=True)
class Run:
    """One process life, as its first row tells it."""

    id: str
    mode: str
    version: str = ""
    config_hash: str = ""


@dataclass(slots=True)
class _Turn:
    """Rows that stand or fall together, and who waits for them."""

    entries: list[Entry]
    done: asyncio.Future[None] | None = None


@dataclass(slots=True)
class Journal:
    """Implements ports.Journal. Make one with `open`; use it from one event loop."""

    run: Run
    folder: Path
    _orders: Lane
    _market: MarketRows
    _store: OrderStore
    _post: Post | None
    _clock: Callable[[], int]
    damage: Damage | None = None  # what was found while opening, and had to be begun anew
    notes: list[str] = field(default_factory=list)  # sentences for the log, found while opening
    _turns: deque[_Turn] = field(default_factory=deque)
    _waiting: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _failing: bool = False
    _closed: bool = False

    @classmethod
    async def open(
        cls,
        folder: Path,
        run: Run,
        *,
        post: Post | None = None,
        clock: Callable[[], int] = time.time_ns,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
        on_damage: LastRows | None = None,
    ) -> Self:
        """Open or create both files, prove orders.sqlite and write the run's first row.

        `post` receives JournalFailed when a background write fails, and Trouble when the file turns out to be damaged. One
        that is not what was written is kept beside and begun anew, with the rows `on_damage` ends it with: `damage` tells.
        Raises BrokenChain there without `on_damage`, JournalError when orders.sqlite cannot be used. A market file that cannot
        be used stops nobody: `market_trouble` tells. A full disk stops nobody either while there is the reserve: it is given
        up, and JournalFailed posted.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        store, market = OrderStore(folder), MarketRows(folder, run.id, clock())
        orders, damage = await _open_orders(store, run.id, clock(), factory, on_damage)
        try:
            if not store.spent:
                await market.open()
        except BaseException:
            await orders.close()
            store.release()
            raise
        journal = cls(run, folder, orders, market, store, post, clock, damage, [*store.notes, *market.notes])
        journal._start()
        try:
            payload: dict[str, Json] = {"mode": run.mode, "version": run.version, "config_hash": run.config_hash}
            await journal._begin(Row("orders", "run_start", run.id, clock(), payload))
        except BaseException:
            await journal._shut()
            raise
        return journal

    @property
    def install(self) -> str:
        """Five letters that belong to this journal for ever: the middle of our order ids."""
        return self._store.install

    @property
    def lost_market_rows(self) -> int:
        """How many rows of the market of this run will never be in the file."""
        return self._market.lost

    @property
    def market_trouble(self) -> str:
        """Why rows of the market are not being written, in a sentence; empty when they are."""
        return self._market.trouble

    # -- ports.Journal ------------------------------------------------------------------------------------------------

    def commit(self, rows: Sequence[Row]) -> Coroutine[Any, Any, None]:
        """Write rows durably in one piece, after everything handed over before.

        The rows take their place in the order at the call; awaiting the result waits for the disk. Cancelling the waiter
        does not undo the write. Raises JournalError: at once for rows that cannot be stored, when awaited for trouble.
        """
        done = asyncio.get_running_loop().create_future()
        self._queue(_Turn([entry_of(row) for row in rows], done))
        return _wait(done)

    def commit_now(self, rows: Sequence[Row]) -> None:
        """The same, done when it returns: for simulated time, in which waiting must not let any time pass.

        Blocks the loop for one fsync; everything queued before is written with it. Raises JournalError.
        """
        if self._closed:
            raise JournalError("the journal is closed; nothing was written")
        turns = [*self._turns, _Turn([entry_of(row) for row in rows])]
        self._turns.clear()
        self._waiting = 0
        batches = [turn.entries for turn in turns]
        try:
            outcomes = self._orders.run_now(lambda conn: self._store.append(conn, self.run.id, batches))
        except JournalError as fault:
            self._refused(turns[:-1], fault)
            raise
        self._settled(turns[:-1], outcomes[:-1])
        if outcomes[-1] is not None:
            raise outcomes[-1]

    def record(self, row: Row) -> None:
        """Queue a row. Rows of orders are written at once and never dropped; the oldest market rows give way."""
        entry = entry_of(row)
        if row.book == "orders":
            self._queue(_Turn([entry]))
            return
        if self._closed:
            raise JournalError(f"the journal is closed; {row.kind} {row.ref} was not written")
        self._market.take(entry)

    async def flush(self) -> None:
        """Write what is queued. Raises JournalError when it could not be."""
        await self.commit(())
        await self._market.flush()

    async def close(self) -> None:
        """Note the clean stop, write what is queued, close both files. Idempotent."""
        if self._closed:
            return
        try:
            with suppress(JournalError):
                self.record(Row("orders", "run_end", self.run.id, self._clock(), {}))
                await self.flush()
            await self._checkpoint(whole=True)
        finally:
            await self._shut()

    def _start(self) -> None:
        for name, work, ended in (
            ("orders", self._write_orders(), self._writer_ended),
            ("market", self._market.run(), self._market_ended),
        ):
            task = asyncio.create_task(work, name=f"journal: {name}")
            task.add_done_callback(ended)
            self._tasks.append(task)

    async def _begin(self, row: Row) -> None:
        """The run's first row. A start on a full disk lives on the reserve, which is there for exits: it halts."""
        try:
            await self.commit([row])
        except DiskFull as full:
            if not full.gave:
                raise
            await self.commit([row])
        if self._store.spent:
            told = f"the disk of {self.folder} was full at the start: the 4 MiB reserve was given up for halts and exits"
            self.notes.append(f"{told}; make room and restart")
            self._market.stop(self.notes[-1])
            if self._post is not None:
                self._post(JournalFailed(self._clock(), (), self.notes[-1]))

    async def _shut(self) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._refuse_waiting()
        await self._orders.close()
        await self._market.close()
        self._store.release()

    def _writer_ended(self, task: asyncio.Task[None]) -> None:
        """A writer that ends on its own is a bug of ours: nobody may wait for it, and everybody must know."""
        fault = None if task.cancelled() else task.exception()
        if fault is None or self._closed:
            return
        self._closed = True
        self._refuse_waiting()
        if self._post is not None:
            self._post(JournalFailed(self._clock(), (), f"the task {task.get_name()} ended: {fault!r}"))

    def _market_ended(self, task: asyncio.Task[None]) -> None:
        """The same bug at the market's rows takes those alone: orders are written on."""
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            logger.opt(exception=fault).error("the task {} ended", task.get_name())
            self._market.stop(f"the task {task.get_name()} ended: {fault!r}; a restart writes again")

    # -- boot ---------------------------------------------------------------------------------------------------------

    async def rows(self, kinds: Collection[str] | None = None) -> list[Row]:
        """The rows of orders of earlier lives and this one, in order, for replay at boot. The file was proven by `open`.

        Raises JournalError when it cannot be read all the same.
        """
        try:
            found = await self._orders.run(lambda conn: events(conn, kinds))
        except sqlite3.Error as fault:
            raise JournalError(f"{self._store.path} cannot be read: {fault}; is its disk well?") from fault
        return [stored.row for stored in found]

    async def unclean_boots(self, since_ns: int) -> int:
        """How many earlier runs began at or after an instant and never noted a clean stop: the crash-loop question."""
        ended, started = set(), []
        for row in await self.rows(("run_start", "run_end")):
            if row.kind == "run_end":
                ended.add(row.ref)
            elif row.ref != self.run.id and row.ts_ns >= since_ns:
                started.append(row.ref)
        return sum(1 for ref in started if ref not in ended)

    def reader(self) -> Reader:
        """A reader with connections of its own. Close it."""
        return Reader(self.folder)

    # -- writing orders -----------------------------------------------------------------------------------------------

    def _queue(self, turn: _Turn) -> None:
        if self._closed:
            raise JournalError("the journal is closed; nothing was written")
        if self._waiting + len(turn.entries) > ORDER_ROWS_WAITING:
            raise JournalError(f"{self._waiting} journal rows are waiting to be written: the disk does not keep up")
        self._waiting += len(turn.entries)
        self._turns.append(turn)
        self._wake.set()

    async def _write_orders(self) -> None:
        """The writer: takes what waits, writes it in one transaction, tells who waited."""
        since_checkpoint = 0
        while True:
            if not self._turns:
                self._wake.clear()
                if since_checkpoint >= TURNS_PER_CHECKPOINT:
                    since_checkpoint = 0
                    await self._checkpoint()
                await self._wake.wait()
            turns = self._take()
            if turns:
                await self._write(turns)
            since_checkpoint += 1

    async def _checkpoint(self, *, whole: bool = False) -> None:
        try:
            await self._orders.run(partial(self._store.checkpoint, whole=whole))
        except BrokenChain as fault:
            self._lock(fault)

    def _lock(self, fault: BrokenChain) -> None:
        """The file is not what was written: nothing may go on by itself. Told anew at every try, so that nobody resumes on it."""
        if self._post is not None:
            self._post(Trouble(self._clock(), LatchKind.BROKEN_CHAIN, str(fault)))

    async def _pause(self) -> None:
        """Wait a little after a failure; a new commit is tried at once."""
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(RETRY_S):  # wait_for of Python 3.11 can swallow a cancellation
                await self._wake.wait()

    def _take(self) -> list[_Turn]:
        taken: list[_Turn] = []
        rows = 0
        while self._turns and (not taken or rows + len(self._turns[0].entries) <= ROWS_PER_TURN):
            taken.append(self._turns.popleft())
            rows += len(taken[-1].entries)
        self._waiting -= rows
        return taken

    async def _write(self, turns: list[_Turn]) -> None:
        """Write turns in one transaction. On failure commits are refused, recorded rows go back to the front, and it waits."""
        try:
            batches = [turn.entries for turn in turns]
            outcomes = await self._orders.run(lambda conn: self._store.append(conn, self.run.id, batches))
        except JournalError as fault:
            self._refused(turns, fault)
            await self._pause()
            return
        except BaseException as fault:
            for turn in turns:
                _tell(turn, JournalError(f"the journal's writer ended: {fault!r}"))
            raise
        self._settled(turns, outcomes)

    def _refused(self, turns: Sequence[_Turn], fault: JournalError) -> None:
        """Nothing was written: commits are told, recorded rows go back to the front, the engine is told once an episode."""
        kept = [turn for turn in turns if turn.done is None]
        self._turns.extendleft(reversed(kept))
        self._waiting += sum(len(turn.entries) for turn in kept)
        for turn in turns:
            _tell(turn, fault)
        if isinstance(fault, DiskFull):
            self._market.stop(f"the disk of {self.folder} is full: no more rows of the market are kept; make room and restart")
        if isinstance(fault, BrokenChain):
            self._lock(fault)
        if kept and not self._failing and self._post is not None:
            self._post(JournalFailed(self._clock(), (), str(fault)))
        self._failing = True

    def _settled(self, turns: Sequence[_Turn], outcomes: Sequence[DuplicateRow | None]) -> None:
        """Written: those who waited are told; a recorded row that repeats a key is kept as a duplicate."""
        self._failing = False
        for turn, refused in zip(turns, outcomes, strict=True):
            if refused is not None and turn.done is None:
                self._queue(_Turn([entry_of(duplicate_of(turn.entries[0].row, refused))]))
            _tell(turn, refused)

    def _refuse_waiting(self) -> None:
        while self._turns:
            _tell(self._turns.popleft(), JournalError("the journal is closed; nothing was written"))


async def _wait(done: asyncio.Future[None]) -> None:
    await asyncio.shield(done)


def _tell(turn: _Turn, fault: JournalError | None) -> None:
    if turn.done is None or turn.done.done():
        return
    if fault is None:
        turn.done.set_result(None)
    else:
        turn.done.set_exception(fault)
        turn.done.exception()  # a caller that was cancelled meanwhile must not leave a warning behind


async def _open_orders(
    store: OrderStore, run_id: str, now_ns: int, factory: type[sqlite3.Connection], on_damage: LastRows | None
) -> tuple[Lane, Damage | None]:  # fmt: skip
    """The lane of a proven orders.sqlite; one that is damaged is kept beside and begun anew first."""
    try:
        return await _prepared(store, run_id, now_ns, factory, keeps=on_damage is not None), None
    except _Kept as found:
        assert on_damage is not None, "only then is anything kept"
        damage = await asyncio.to_thread(begin_anew, store.path, found.path, found.fault, run_id, now_ns, on_damage)
    return await _prepared(store, run_id, now_ns, factory, keeps=False), damage


class _Kept(Exception):
    """A damaged file that lies beside now."""

    def __init__(self, path: Path, fault: BrokenChain) -> None:
        super().__init__(str(fault))
        self.path, self.fault = path, fault


async def _prepared(
    store: OrderStore, run_id: str, now_ns: int, factory: type[sqlite3.Connection], *, keeps: bool
) -> Lane:  # fmt: skip
    lane = await Lane.open(store.path, factory=factory)
    try:
        await lane.run(lambda conn: store.prepare(conn, run_id, now_ns))
    except BaseException as fault:
        try:
            if keeps and isinstance(fault, BrokenChain):  # while the lane is open: closing it may still write
                raise _Kept(await asyncio.to_thread(keep, store.path, fault, now_ns), fault) from fault
        finally:
            await lane.close()
            store.release()
        raise
    return lane
