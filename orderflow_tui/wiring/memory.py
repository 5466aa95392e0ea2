"""What earlier lives of this house left behind: the state of the last closed day in the journal, and the tape since.

Reading never fails: whatever cannot be used is left out with a sentence that says what it was and what takes its place.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from orderflow_tui.adapters.journal import Reader
from orderflow_tui.adapters.journal_schema import StoredRow
from orderflow_tui.adapters.rows import TAPE_POS, NotReadable, from_json, observation_of
from orderflow_tui.adapters.tape import TapeFault, newest_log, newest_ns, read_folder, sessions
from orderflow_tui.adapters.tape_log import first_stamp
from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.history import DayState
from orderflow_tui.domain.market import FeedStatus, Quote, Trades
from orderflow_tui.domain.session import SECOND_NS, SessionTable
from orderflow_tui.domain.signal import Decision, Signal
from orderflow_tui.market.state import joined
from orderflow_tui.ports import JournalError

BLOCK_ROWS = 1 << 16
AHEAD_NS = 10 * SECOND_NS  # trades bear the exchange's second, which may be ahead of our clock
TRIED = 5  # newest day states looked at before giving up


@dataclass(frozen=True, slots=True)
class Folder:
    """A session on the tape, as it was when this life began: logs from `before_log` on are this life's own."""

    trade_date: date
    path: Path
    before_log: int


@dataclass(frozen=True, slots=True)
class Place:
    """A signal of the book, and after how many trades stamped with its own instant it came."""

    signal: Signal
    tape_pos: int


@dataclass(slots=True)
class Memory:
    """`signals` in order of time; `setup_ids` of the running trade date; `notes` are sentences for the screen."""

    symbol: str
    table: SessionTable
    now_ns: int
    state: DayState | None = None
    folders: tuple[Folder, ...] = ()
    signals: tuple[Place, ...] = ()
    setup_ids: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.state is not None or bool(self.folders)

    def note(self, text: str) -> None:
        """Say something once, however often the tape is read."""
        if text not in self.notes:
            self.notes.append(text)

    # -- the tape -----------------------------------------------------------------------------------------------------

    def tape(self) -> Iterator[MarketEvent]:
        """What decides about market and analytics, oldest first: the analysed instrument's trades in blocks, and every
        change of what the feed delivers, with the quote before it. Never raises."""
        last_ns = -1 if self.state is None else self.state.ts_ns
        for folder in self.folders:
            for event in self._folder(folder, last_ns):
                last_ns = stamp_of(event)
                yield event

    def _folder(self, folder: Folder, last_ns: int) -> Iterator[MarketEvent]:
        day = self.table.day_of(folder.trade_date)
        before = None if day is None else self.table.previous(day)
        if day is None or before is None:
            self.note(f"{folder.path} is of no trading day: left out")
            return
        own = others = 0
        source = read_folder(folder.path, books=False, before_log=folder.before_log, torn=self._torn)
        try:
            for event in essence(source, self.symbol):
                if isinstance(event, Trades) and event.instrument != self.symbol:
                    others += len(event)
                    continue
                first, last = first_stamp(event), stamp_of(event)
                if not before.close_ns <= first <= last < day.close_ns or last > self.now_ns + AHEAD_NS:
                    self.note(f"{folder.path} holds events of another time than {folder.trade_date}: left out from there")
                    return
                if first < last_ns:
                    self.note(f"{folder.path} goes back in time: left out from there")
                    return
                own, last_ns = own + 1, last
                yield event
        except (TapeFault, OSError, ValueError, AssertionError) as fault:
            self.note(f"the tape of {folder.trade_date} cannot be read on: {fault}; what follows there is missing")
        if others and not own:
            self.note(f"{folder.path} holds trades of another instrument, not of {self.symbol}: left out")

    def _torn(self, path: Path, left: int) -> None:
        """A kill leaves half a frame: at most a fifth of a second. More is damage; either way a gap follows."""
        self.note(f"the tape {path.parent.name}/{path.name} ends torn: its last {left:,} bytes are lost")


def essence(events: Iterator[MarketEvent], symbol: str) -> Iterator[MarketEvent]:
    """Without what decides nothing: quotes and books but a quote just before a status, trades that are not analysed (told as
    one event of their own at the end), long runs of trades as one block."""
    run: list[Trades] = []
    quote: Quote | None = None
    foreign: Trades | None = None
    rows = 0
    for event in events:
        if isinstance(event, Trades):
            if event.instrument != symbol:
                foreign = event
                continue
            run.append(event)
            quote = None
            rows += len(event)
            if rows >= BLOCK_ROWS:
                yield block_of(run)
                run, rows = [], 0
        elif isinstance(event, Quote):
            quote = event if event.instrument == symbol else quote
        elif isinstance(event, FeedStatus):
            if run:
                yield block_of(run)
                run, rows = [], 0
            if quote is not None:
                yield quote
                quote = None
            yield event
    if run:
        yield block_of(run)
    if foreign is not None:
        yield foreign


def block_of(run: Sequence[Trades]) -> Trades:
    """Consecutive trades as one block, without their quotes."""
    return joined(list(run))


# -- reading ------------------------------------------------------------------------------------------------------------


def folders_of(root: Path, symbol: str) -> tuple[Folder, ...]:
    """The sessions on the tape now, oldest first. Call before anything is recorded."""
    found = []
    for trade_date in sessions(root, symbol):
        path = root / symbol / trade_date.isoformat()
        found.append(Folder(trade_date, path, newest_log(path) + 1))
    return tuple(found)


def begin_after(folders: Sequence[Folder], now_ns: int) -> int:
    """Where a life may begin that goes on with the newest tape: not before its end, should our clock lie behind it."""
    try:
        end_ns = newest_ns(folders[-1].path) if folders else 0
    except (OSError, TapeFault):
        return now_ns  # the reader will say what is wrong
    return end_ns + 1 if now_ns <= end_ns < now_ns + AHEAD_NS else now_ns


async def remember(
    reader: Reader, symbol: str, table: SessionTable, keep: int, now_ns: int, folders: Sequence[Folder]
) -> Memory:  # fmt: skip
    """Everything an earlier life left about an instrument; `keep` is how many sessions an archive may be old."""
    memory = Memory(symbol, table, now_ns)
    today = table.day_at(now_ns)
    if today is None:
        memory.note("the trading calendar does not reach to now: nothing is remembered")
        return memory
    memory.state = await _state(reader, memory, keep)
    oldest = memory.state.trade_date if memory.state is not None else _sessions_back(table, now_ns, keep)
    memory.folders = tuple(f for f in folders if oldest < f.trade_date <= today.trade_date)
    since_ns = memory.state.ts_ns if memory.state is not None else 0
    signals = await _rows(reader, memory, "signal", since_ns)
    places = (_place(row) for row in signals if TAPE_POS in row.row.payload)
    memory.signals = tuple(p for p in places if p is not None and p.signal.instrument == symbol)
    decisions = [_decision(row) for row in await _rows(reader, memory, "decision", today.open_ns)]
    memory.setup_ids = tuple(d.source_id for d in decisions if d is not None and d.accepted and d.rule == "setups")
    return memory


async def _state(reader: Reader, memory: Memory, keep: int) -> DayState | None:
    """The newest readable state that is not too old."""
    try:
        payloads = await reader.newest_first("day_state", f"{memory.symbol}|", TRIED)
    except (JournalError, sqlite3.Error, UnicodeDecodeError) as fault:
        memory.note(f"the archive cannot be read: {fault}; the tape and the broker's bars take its place")
        return None
    return await asyncio.to_thread(_newest, payloads, memory, keep)


def _newest(payloads: Sequence[str], memory: Memory, keep: int) -> DayState | None:
    for payload in payloads:
        try:
            state: DayState = from_json(DayState, json.loads(payload))
        except (NotReadable, ValueError) as fault:
            memory.note(f"a day state in the archive cannot be read: {str(fault)[:200]}; an older one takes its place")
            continue
        if state.ts_ns > memory.now_ns:
            memory.note(f"the archive of {state.trade_date} lies in the future: left out; is the clock right?")
            continue
        if state.trade_date < _sessions_back(memory.table, memory.now_ns, keep):
            memory.note(f"the archive ends on {state.trade_date}, more than {keep} sessions ago: left out, value is back-filled")
            return None
        return state
    return None


def _sessions_back(table: SessionTable, now_ns: int, count: int) -> date:
    """The trade date `count` regular sessions before the running one."""
    day = table.day_at(now_ns)
    while day is not None and count:
        day = table.previous(day)
        count -= day is not None and day.rth_open_ns is not None
    return date.min if day is None else day.trade_date


async def _rows(reader: Reader, memory: Memory, kind: str, since_ns: int) -> list[StoredRow]:
    try:
        return await reader.observations(kind, since_ns)
    except (JournalError, sqlite3.Error, ValueError) as fault:
        memory.note(f"the journal's rows of kind {kind} cannot be read: {fault}; they are missing")
        return []


def _read(row: StoredRow) -> Any:
    try:
        return observation_of(row.row)
    except (NotReadable, ValueError):
        return None


def _place(row: StoredRow) -> Place | None:
    signal, at = _read(row), row.row.payload[TAPE_POS]
    return Place(signal, at) if isinstance(signal, Signal) and isinstance(at, int) else None


def _decision(row: StoredRow) -> Decision | None:
    found = _read(row)
    return found if isinstance(found, Decision) else None
