"""The last minutes of trades, kept in columns and computed on only when the screen asks.

Bounds: trades older than five minutes leave once two thousand newer ones are there; never more than half a million.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import SECOND_NS

KEEP_NS = 300 * SECOND_NS
TAPE_ROWS = 200
TRADES_MAX = 500_000
LADDER_TRADES = 2048  # newest trades that feed the recent-trade columns; more than the tape shows
LEFT_NS = 5 * SECOND_NS  # a level is cleared this long after price left it
Row = tuple[int, int, int, int]


class RecentTrades:
    """Blocks of trades, newest last."""

    __slots__ = ("_blocks", "_count", "_ends", "_ladder", "_ladder_key", "_tape", "_total")

    def __init__(self) -> None:
        self._blocks: deque[Trades] = deque()
        self._ends: deque[tuple[int, int]] = deque()  # of each block: its size, and the stamp of its newest trade
        self._count = 0
        self._total = 0
        self._tape: tuple[Row, ...] | None = ()
        self._ladder: dict[int, tuple[int, int]] = {}
        self._ladder_key = (0, 0)

    def add(self, block: Trades) -> None:
        """The next trades in order of time."""
        added, newest_ns = len(block), int(block.ts_ns[-1])
        self._blocks.append(block)
        self._ends.append((added, newest_ns))
        self._count += added
        self._total += added
        self._tape = None
        while len(self._ends) > 1:
            size, end_ns = self._ends[0]
            rest = self._count - size
            if self._count <= TRADES_MAX and (end_ns > newest_ns - KEEP_NS or rest < LADDER_TRADES):
                return
            self._count = rest
            self._blocks.popleft()
            self._ends.popleft()

    def clear(self) -> None:
        """Forget: a stretch was lost, and what came before it says nothing about now."""
        self._blocks.clear()
        self._ends.clear()
        self._count = 0
        self._tape = ()

    def shift(self, ticks: int) -> None:
        """Move every price."""
        self._blocks = deque(Trades(b.instrument, b.ts_ns, b.price + ticks, b.size, b.aggressor, b.method) for b in self._blocks)
        self._tape = None
        self._ladder_key = (-1, 0)

    def tape(self) -> tuple[Row, ...]:
        """The last 200 trades as (ts_ns, price, size, aggressor), newest last."""
        if self._tape is None:
            self._tape = tuple(self._newest(TAPE_ROWS))
        return self._tape

    def pressure(self, now_ns: int, seconds: int) -> float | None:
        """100 · bought / (bought + sold) over the trailing window (at most 300 s); None without sided volume."""
        since = now_ns - min(seconds * SECOND_NS, KEEP_NS)
        bought = sold = 0
        for block in reversed(self._blocks):
            start = int(np.searchsorted(block.ts_ns, since, side="right"))
            sides, sizes = block.aggressor[start:], block.size[start:]
            bought += int(sizes[sides > 0].sum())
            sold += int(sizes[sides < 0].sum())
            if start:
                break
        return 100.0 * bought / (bought + sold) if bought + sold else None

    def at_level(self, ticks: int, now_ns: int) -> tuple[int, int]:
        """(sold, bought) at a price since price last came to it, zero once it has been away for five seconds."""
        key = (self._total, now_ns)
        if key != self._ladder_key:
            self._ladder = _ladder(self._newest(LADDER_TRADES), now_ns)
            self._ladder_key = key
        return self._ladder.get(ticks, (0, 0))

    def _newest(self, count: int) -> list[Row]:
        rows: list[Row] = []
        for block in reversed(self._blocks):
            part = block.cut(max(len(block) - (count - len(rows)), 0), len(block))
            columns = (part.ts_ns.tolist(), part.price.tolist(), part.size.tolist(), part.aggressor.tolist())
            rows[:0] = zip(*columns, strict=True)
            if len(rows) >= count:
                break
        return rows


def _ladder(rows: list[Row], now_ns: int) -> dict[int, tuple[int, int]]:
    """Recent volume at every level still in play: price -> (sold, bought)."""
    levels: dict[int, list[int]] = {}  # sold, bought, when price left (-1: it is there)
    here: int | None = None
    for ts_ns, price, size, side in rows:
        if price != here:
            if here is not None:
                levels[here][2] = ts_ns
            level = levels.get(price)
            if level is None or ts_ns - level[2] > LEFT_NS:
                levels[price] = [0, 0, -1]
            else:
                level[2] = -1
            here = price
        if side:
            levels[price][1 if side > 0 else 0] += size
    return {
        price: (sold, bought) for price, (sold, bought, left_ns) in levels.items() if left_ns < 0 or now_ns - left_ns <= LEFT_NS
    }
