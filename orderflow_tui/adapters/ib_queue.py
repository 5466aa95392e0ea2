"""From callbacks to the engine's inbox: market events in order, trades gathered into blocks while nobody reads.

Trades are never dropped. Quotes and depth are pictures of a moment: of those nobody has read, the newest wins as soon as
more than `MOST_WAITING` entries wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from orderflow_tui.domain.market import Depth, FeedStatus, Quote, Trades

MOST_WAITING = 20_000


@dataclass(slots=True)
class OpenBlock:
    """Trades of one instrument gathered so far, in columns."""

    instrument: str
    ts_ns: list[int] = field(default_factory=list)
    price: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    aggressor: list[int] = field(default_factory=list)
    method: list[int] = field(default_factory=list)
    bid: list[int] = field(default_factory=list)
    ask: list[int] = field(default_factory=list)

    def add(self, ts_ns: int, price: int, size: int, aggressor: int, method: int, bid: int, ask: int) -> None:
        """One more trade."""
        self.ts_ns.append(ts_ns)
        self.price.append(price)
        self.size.append(size)
        self.aggressor.append(aggressor)
        self.method.append(method)
        self.bid.append(bid)
        self.ask.append(ask)

    def join(self, other: OpenBlock) -> None:
        """The trades of a later block behind ours."""
        for mine, theirs in zip(self._columns(), other._columns(), strict=True):
            mine.extend(theirs)

    def _columns(self) -> tuple[list[int], ...]:
        return (self.ts_ns, self.price, self.size, self.aggressor, self.method, self.bid, self.ask)

    def close(self) -> Trades:
        """The block as the engine takes it."""
        ts_ns, price, size, bid, ask = (np.array(c, np.int64) for c in (self.ts_ns, self.price, self.size, self.bid, self.ask))
        sides, methods = np.array(self.aggressor, np.int8), np.array(self.method, np.int8)
        return Trades(self.instrument, ts_ns, price, size, sides, methods, bid, ask)


Entry = OpenBlock | Quote | Depth | FeedStatus


class MarketQueue:
    """First in, first out; one reader."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._entries: deque[Entry] = deque()
        self._most = most_waiting
        self._ready = asyncio.Event()
        self._closed = False
        self.skipped = 0  # quotes and depths replaced by newer ones

    def __len__(self) -> int:
        return len(self._entries)

    def block(self, instrument: str) -> OpenBlock:
        """The block to add trades to: the newest entry if it is one of this instrument, else a new one."""
        last = self._entries[-1] if self._entries else None
        if isinstance(last, OpenBlock) and last.instrument == instrument:
            return last
        fresh = OpenBlock(instrument)
        self._append(fresh)
        return fresh

    def put(self, event: Quote | Depth | FeedStatus) -> None:
        """Queue an event; a picture replaces one of its kind directly before it."""
        last = self._entries[-1] if self._entries else None
        replaces = isinstance(event, Quote | Depth) and type(last) is type(event) and last.instrument == event.instrument
        if replaces:
            self._entries[-1] = event
            self.skipped += 1
        else:
            self._append(event)

    def _append(self, entry: Entry) -> None:
        self._entries.append(entry)
        if len(self._entries) > self._most:
            self._thin_out()
        self._ready.set()

    def _thin_out(self) -> None:
        """Keep every trade and every status; of quotes and depths keep the newest of each instrument."""
        seen: set[tuple[type[Entry], str]] = set()
        newest_first: list[Entry] = []
        for entry in reversed(self._entries):
            if isinstance(entry, Quote | Depth):
                key = (type(entry), entry.instrument)
                if key in seen:
                    self.skipped += 1
                    continue
                seen.add(key)
            newest_first.append(entry)
        self._entries.clear()
        for entry in reversed(newest_first):
            last = self._entries[-1] if self._entries else None
            if isinstance(entry, OpenBlock) and isinstance(last, OpenBlock) and last.instrument == entry.instrument:
                last.join(entry)
            else:
                self._entries.append(entry)

    async def get(self) -> Trades | Quote | Depth | FeedStatus | None:
        """The oldest event; None once closed and empty."""
        while not self._entries:
            if self._closed:
                return None
            self._ready.clear()
            await self._ready.wait()
        entry = self._entries.popleft()
        return entry.close() if isinstance(entry, OpenBlock) else entry

    def close(self) -> None:
        """No more events will come."""
        self._closed = True
        self._ready.set()
