"""Rows of the market on their way into market.sqlite: queued, written in bulk, and lost rather than waited for.

Theory. The file can be rebuilt from the tape, so nothing may depend on it: no start is refused for it and no row of orders waits
for it. A file that is damaged, or made by a program with another schema, is moved aside whole, WAL and all, and begun anew. One
that only cannot be used now (locked by another program, no room, no rights) stays what and where it is; its rows wait, the
oldest give way, and it is tried again at every beat. A full disk ends it for the run: what room there is belongs to orders.
`trouble` says in a sentence why rows are not being written, `lost` how many never will be.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from loguru import logger

from orderflow_tui.adapters.journal_lane import Lane
from orderflow_tui.adapters.journal_schema import Entry
from orderflow_tui.adapters.journal_store import DiskFull, MarketDamaged, MarketStore
from orderflow_tui.ports import JournalError

ROWS_WAITING = 20_000  # oldest dropped and counted
ROWS_PER_TURN = 512
BEAT_S = 0.5
BEATS_IN_SILENCE = 4  # a lock held for a moment is no trouble: nothing is lost by it


class MarketRows:
    """market.sqlite of a run. Construct, `open`, `take` rows, `run` as a task or `flush`; `close` at the end."""

    def __init__(self, folder: Path, run_id: str, now_ns: int) -> None:
        self.store = MarketStore(folder)
        self.notes: list[str] = []
        self.lost = 0
        self._run_id, self._began_ns = run_id, now_ns
        self._lane: Lane | None = None
        self._waiting: deque[Entry] = deque()
        self._ended = ""  # why nothing is taken any more in this run
        self._hindered = ""  # why nothing is written now
        self._closed = False
        self._one = asyncio.Lock()  # at a time
        self._missed = 0  # beats in a row that wrote nothing

    @property
    def trouble(self) -> str:
        """Why rows are not being written, empty when they are."""
        return self._ended or self._hindered

    async def open(self) -> None:
        """Make the file ready. One that cannot be used now is `trouble` and tried again later."""
        try:
            self._lane = await self._ready()
        except JournalError as fault:
            self._failed(fault, told_at=1)

    def take(self, entry: Entry) -> None:
        """Queue a row; the oldest gives way."""
        if self._ended:
            self.lost += 1
            return
        if len(self._waiting) >= ROWS_WAITING:
            self.lost += 1
            self._waiting.popleft()
            self._hindered = self._hindered or f"{self.store.path} does not keep up: {ROWS_WAITING} rows wait"
        self._waiting.append(entry)

    async def run(self) -> None:
        """Write what waits, beat by beat, for ever."""
        while True:
            await asyncio.sleep(BEAT_S)
            with suppress(JournalError):
                await self.flush()

    async def flush(self) -> None:
        """Write what waits. On trouble it goes on waiting, unless the disk is full. Raises JournalError."""
        async with self._one:
            if self._ended:
                return
            try:
                if self._lane is None:
                    self._lane = await self._ready()
                while self._waiting:
                    await self._write(self._lane)
            except JournalError as fault:
                self._failed(fault, told_at=BEATS_IN_SILENCE)
                raise
            self._missed, self._hindered = 0, ""

    async def _write(self, lane: Lane) -> None:
        taken = [self._waiting.popleft() for _ in range(min(ROWS_PER_TURN, len(self._waiting)))]
        try:
            await lane.run(partial(self.store.append, run_id=self._run_id, entries=taken))
        except BaseException:
            self._waiting.extendleft(reversed(taken))
            raise

    def _failed(self, fault: JournalError, told_at: int) -> None:
        self._missed += 1
        if isinstance(fault, DiskFull):
            self.stop(str(fault))
        elif self._missed >= told_at:
            self._hindered = str(fault)

    def stop(self, why: str) -> None:
        """Take and write nothing more in this run."""
        self._ended = why
        self._lose_what_waits()

    async def close(self) -> None:
        """Close the file; what could not be written is lost, and the log says so. Idempotent."""
        self._lose_what_waits()
        if self._lane is not None:
            await self._lane.close()
        if self.lost and not self._closed:
            logger.warning("{} market rows of this run are not in {}. {}", self.lost, self.store.path, self.trouble)
        self._closed = True

    def _lose_what_waits(self) -> None:
        self.lost += len(self._waiting)
        self._waiting.clear()

    # -- the file -----------------------------------------------------------------------------------------------------

    async def _ready(self) -> Lane:
        """A lane to a file that takes rows; one that never will is moved aside first. Raises JournalError."""
        try:
            return await self._prepared(self._move_aside)
        except MarketDamaged:
            return await self._prepared(lambda _: None)

    async def _prepared(self, on_damage: Callable[[MarketDamaged], None]) -> Lane:
        lane = await Lane.open(self.store.path)
        try:
            await lane.run(self.store.prepare)
        except BaseException as fault:
            try:
                if isinstance(fault, MarketDamaged):  # while the lane is open: closing it may still write, or take the WAL away
                    on_damage(fault)
            finally:
                await lane.close()
            raise
        return lane

    def _move_aside(self, fault: MarketDamaged) -> None:
        path = self.store.path
        aside = path.with_name(f"{path.name}.aside-{self._began_ns}")
        try:
            for part in ("-wal", ""):  # the WAL first: beside a new file SQLite would throw it away
                with suppress(FileNotFoundError):
                    Path(f"{path}{part}").rename(f"{aside}{part}")
            Path(f"{path}-shm").unlink(missing_ok=True)
        except OSError as trouble:
            raise JournalError(f"{fault}; it could not be moved aside: {trouble.strerror}") from fault
        self.notes.append(f"{fault}; it was moved to {aside.name}")
        logger.warning("{}", self.notes[-1])
