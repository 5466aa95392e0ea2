"""From checked columns to market events: blocks, stamps that never decrease, sides settled where the file has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from orderflow_tui.adapters.importers.source import BLOCK_ROWS, Tally
from orderflow_tui.adapters.importers.trade_dates import DayIndex
from orderflow_tui.domain.market import I8, I64, NO_PRICE, Bars, Trades
from orderflow_tui.market.aggressor import AggressorClassifier, AggressorParams

# The recorder wrote the quote beside the trade: no message can have overtaken another, so none is repaired.
_BESIDE_THE_TRADE = AggressorParams(settle_ms=0)
Column = TypeVar("Column", I64, I8)
_LAGGING_SHARE = 0.10  # of trades outside the quote beside them: above it the quote says nothing about the trade


@dataclass(frozen=True, slots=True)
class TradeRows:
    """Good trades of a batch in columns, in file order. `flag` is the file's own side (0 where it has none)."""

    ts_ns: I64
    price: I64
    size: I64
    flag: I8 | None = None
    bid: I64 | None = None
    ask: I64 | None = None

    def keep(self, rows: NDArray[np.bool_]) -> TradeRows:
        """The rows where the mask holds."""
        return TradeRows(
            self.ts_ns[rows],
            self.price[rows],
            self.size[rows],
            None if self.flag is None else self.flag[rows],
            None if self.bid is None else self.bid[rows],
            None if self.ask is None else self.ask[rows],
        )

    def off_quote_share(self) -> float:
        """Share of trades strictly outside the quote written beside them. A quote as of the trade gives next to none."""
        if self.bid is None or self.ask is None:
            return 0.0
        valid = (self.bid != NO_PRICE) & (self.ask != NO_PRICE)
        outside = (self.price > self.ask) | (self.price < self.bid)
        return float(outside[valid].mean()) if valid.any() else 0.0


class TradeStream:
    """Turns batches of one file into blocks: late stamps raised, sides settled, everything counted.

    A file without sides whose quotes lag behind its trades (judged on its first batch) is settled by the tick rule
    alone, its quotes are dropped and the source says so.
    """

    def __init__(self, instrument: str, tally: Tally) -> None:
        self._instrument = instrument
        self._tally = tally
        self._newest_ns = -(2**62)
        self._classifier = AggressorClassifier(_BESIDE_THE_TRADE)
        self._days = DayIndex()
        self._day = -1
        self._trusts_quotes: bool | None = None

    def blocks(self, rows: TradeRows) -> Iterator[Trades]:
        """The batch as blocks of at most 65,536 trades."""
        if not len(rows.ts_ns):
            return
        stamps = self.stamps(rows.ts_ns)
        bid, ask = self._quotes(rows)
        for first, stop, day in self._days.pieces(stamps):
            if day != self._day:
                self._classifier.reset()
                self._day = day
            part = slice(first, stop)
            yield from self._settled(stamps[part], rows, part, _part(bid, part), _part(ask, part))

    def stamps(self, source_ns: I64) -> I64:
        """max(own, everything before); trades that ran backwards are counted as late."""
        raised: I64 = np.maximum(np.maximum.accumulate(source_ns), self._newest_ns)
        self._tally.late += int((raised > source_ns).sum())
        self._newest_ns = int(raised[-1])
        return raised

    def _settled(self, stamps: I64, rows: TradeRows, part: slice, bid: I64 | None, ask: I64 | None) -> Iterator[Trades]:
        price, size, flag = rows.price[part], rows.size[part], _part(rows.flag, part)
        aggressor, method = self._classifier.on_block(stamps, price, size, bid, ask, flag)
        whole = Trades(self._instrument, stamps, price, size, aggressor, method, bid, ask)
        self._tally.saw_trades(whole)
        for start in range(0, len(whole), BLOCK_ROWS):
            yield whole.cut(start, min(start + BLOCK_ROWS, len(whole)))

    def _quotes(self, rows: TradeRows) -> tuple[I64 | None, I64 | None]:
        if self._trusts_quotes is None:
            share = rows.off_quote_share()
            self._trusts_quotes = rows.flag is not None or share <= _LAGGING_SHARE
            if share > _LAGGING_SHARE:
                used = "" if self._trusts_quotes else "; it is not used, sides follow the tick rule"
                self._tally.warnings.append(f"{share:.0%} of trades lie outside the quote beside them: the quote lags{used}")
        return (rows.bid, rows.ask) if self._trusts_quotes else (None, None)


def _part(column: Column | None, part: slice) -> Column | None:
    return None if column is None else column[part]


class BarStream:
    """Turns batches of bars into counted blocks."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def blocks(self, bars: Bars) -> Iterator[Bars]:
        """The batch as blocks of at most 65,536 bars."""
        if not len(bars):
            return
        self._tally.saw_bars(bars)
        for start in range(0, len(bars), BLOCK_ROWS):
            yield bars.cut(start, min(start + BLOCK_ROWS, len(bars)))
