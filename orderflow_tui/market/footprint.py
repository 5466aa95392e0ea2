"""From many trades to few levels: the aggregator behind every bar and every profile.

A stretch of trades is folded once, with one bincount over `(price - low) * 4 + side + 1`; bars, profiles and averages are
then fed from the fold's few levels, so no trade is touched twice. The path of delta needs the trades in order: a
cumulative sum gives its lowest and highest point exactly, whatever the cutting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.market import I8, I64, Bars, SideMethod
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.market.profile import check_span, poc_index

lowest, highest, running = np.minimum.reduce, np.maximum.reduce, np.add.accumulate  # without numpy's Python wrappers
CHUNK = 1 << 15  # trades folded at a time: their temporaries stay in the processor's cache
FEW = 24  # trades up to which plain Python is faster


@dataclass(slots=True, eq=False)
class Fold:
    """A stretch of trades, folded. `table` int64[levels, 4] from tick `low`: sold, unknown, bought, and zero.

    `delta_low` and `delta_high` are the extremes of the running delta within the stretch, zero included.
    `by_method` is volume per `SideMethod`. Whoever gets a fold only reads it.
    """

    first: int
    last: int
    low: int
    high: int
    trades: int
    table: I64
    volume: int
    sold: int
    bought: int
    delta_low: int
    delta_high: int
    by_method: Sequence[int]

    @property
    def unknown(self) -> int:
        """Volume whose side nobody knows."""
        return self.volume - self.sold - self.bought


def fold(price: I64, size: I64, aggressor: I8, method: I8) -> Fold:
    """Fold n > 0 trades in order; int64[n] ticks, int64[n] contracts, int8[n] sides and methods."""
    count = len(price)
    if count <= FEW:
        return _fold_few(price.tolist(), size.tolist(), aggressor.tolist(), method.tolist())
    low, high = int(lowest(price)), int(highest(price))
    check_span(low, high)
    table: I64 | None = None
    delta = delta_low = delta_high = 0
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        levels, signed = levels_of(price[part], size[part], aggressor[part], low, high)
        table = levels if table is None else table + levels
        signed *= size[part]
        path = running(signed, out=signed)
        delta_low, delta_high = min(delta_low, delta + int(lowest(path))), max(delta_high, delta + int(highest(path)))
        delta += int(path[-1])
    assert table is not None, "a fold has trades"
    sold, unknown, bought, _ = np.add.reduce(table, 0).tolist()
    volume = sold + unknown + bought
    first, last, by_method = int(price[0]), int(price[-1]), volume_by_method(size, method, volume)
    return Fold(first, last, low, high, count, table, volume, sold, bought, delta_low, delta_high, by_method)


def levels_of(price: I64, size: I64, aggressor: I8, low: int, high: int) -> tuple[I64, I64]:
    """Volume by side at the ticks low..high, int64[levels, 4], and the sides as int64[n], the caller's to overwrite."""
    signed = aggressor.astype(np.int64)
    at = price << 2
    at += signed
    at -= 4 * low - 1
    counts = np.bincount(at, weights=size, minlength=4 * (high - low + 1))
    return counts.astype(np.int64).reshape(-1, 4), signed


def _fold_few(prices: list[int], sizes: list[int], sides: list[int], methods: list[int]) -> Fold:
    """The same for a handful of trades, where numpy's calls would cost more than the work."""
    low, high = min(prices), max(prices)
    check_span(low, high)
    table = np.zeros((high - low + 1, 4), dtype=np.int64)
    by_method = [0] * len(SideMethod)
    delta = delta_low = delta_high = volume = sold = bought = 0
    for price, size, side, method in zip(prices, sizes, sides, methods, strict=True):
        table[price - low, side + 1] += size
        by_method[method] += size
        volume += size
        if side > 0:
            bought += size
            delta += size
            delta_high = max(delta_high, delta)
        elif side < 0:
            sold += size
            delta -= size
            delta_low = min(delta_low, delta)
    first, last = prices[0], prices[-1]
    return Fold(first, last, low, high, len(prices), table, volume, sold, bought, delta_low, delta_high, by_method)


def volume_by_method(size: I64, method: I8, volume: int | None = None) -> Sequence[int]:
    """Volume per side method; the usual block has one method throughout. `volume` in all, where it is known already."""
    methods = method.tobytes()
    if methods == methods[:1] * len(methods):
        found = [0] * len(SideMethod)
        found[methods[0]] = int(np.add.reduce(size)) if volume is None else volume
        return found
    return [int(v) for v in np.bincount(method, weights=size, minlength=len(SideMethod))]


class Row(NamedTuple):
    """One historical bar as plain numbers; `sold` and `bought` None where the source does not tell sides."""

    start_ns: int
    end_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    sold: int | None
    bought: int | None
    trades: int | None

    @property
    def delta(self) -> int | None:
        """Buys minus sells, None where sides are not told."""
        return None if self.sold is None or self.bought is None else self.bought - self.sold

    @property
    def unknown(self) -> int:
        """Volume whose side nobody told."""
        return self.volume if self.sold is None or self.bought is None else self.volume - self.sold - self.bought


def row_of(bars: Bars) -> Row:
    """The first of a block of historical bars."""
    start = int(bars.start_ns[0])
    sided = bars.bid_volume is not None and bars.ask_volume is not None
    return Row(
        start,
        start + bars.seconds * SECOND_NS,
        int(bars.open[0]),
        int(bars.high[0]),
        int(bars.low[0]),
        int(bars.close[0]),
        int(bars.volume[0]),
        int(bars.bid_volume[0]) if sided and bars.bid_volume is not None else None,
        int(bars.ask_volume[0]) if sided and bars.ask_volume is not None else None,
        None if bars.trades is None else int(bars.trades[0]),
    )


class Frame(NamedTuple):
    """What a bar is told when it closes: its name and place, and the cumulative deltas at its end."""

    instrument: str
    start_ns: int
    end_ns: int
    rth: bool
    cvd_rth: int | None
    cvd_globex: int | None


class OpenBar:
    """The bar being built, from folds of trades or from historical rows.

    A bar with a row in it, or built while the feed delivered aggregates only, has no levels and no path of delta: what
    cannot be known stays unknown.
    """

    __slots__ = (
        "_delta_high",
        "_delta_low",
        "_inferred",
        "_rows",
        "_sideless",
        "_table",
        "_weak",
        "bought",
        "close",
        "high",
        "low",
        "open",
        "partial",
        "sold",
        "trades",
        "volume",
    )

    def __init__(self, opening: int, sideless: bool = False, partial: bool = False) -> None:
        self.open = self.high = self.low = self.close = opening
        self.volume = self.sold = self.bought = 0
        self.trades: int | None = 0
        self.partial = partial
        self._table: I64 | None = None
        self._delta_low = self._delta_high = 0
        self._weak = self._inferred = 0
        self._rows = False
        self._sideless = sideless

    def mark_sideless(self) -> None:
        """From here on the feed cannot tell sides: the bar as a whole cannot either."""
        self._sideless = True

    def add(self, part: Fold) -> None:
        """The next stretch of trades."""
        before = self.bought - self.sold
        self._delta_low = min(self._delta_low, before + part.delta_low)
        self._delta_high = max(self._delta_high, before + part.delta_high)
        if not self._rows:
            self._join(part)
        self.high, self.low, self.close = max(self.high, part.high), min(self.low, part.low), part.last
        self.volume += part.volume
        self.sold += part.sold
        self.bought += part.bought
        self.trades = None if self.trades is None else self.trades + part.trades
        tick_rule = part.by_method[SideMethod.MID_TICK] + part.by_method[SideMethod.TICK]
        self._weak += min(part.volume, tick_rule + part.unknown)
        self._inferred += part.volume - part.by_method[SideMethod.FEED]

    def _join(self, part: Fold) -> None:
        if self._table is None:
            self._table = part.table
            return
        low, high = min(self.low, part.low), max(self.high, part.high)
        if low < self.low or high > self.high:
            check_span(low, high)
            self._table = np.pad(self._table, ((self.low - low, high - self.high), (0, 0)))
        self._table[part.low - low : part.high - low + 1] += part.table

    def add_row(self, row: Row) -> None:
        """One historical row, shorter than or as long as this bar."""
        self._rows, self._table = True, None  # a row knows no levels, so the bar has none
        self.high, self.low, self.close = max(self.high, row.high), min(self.low, row.low), row.close
        self.volume += row.volume
        if row.sold is None or row.bought is None:
            self._sideless = True
        else:
            self.sold += row.sold
            self.bought += row.bought
        self._weak += row.unknown
        self._inferred += row.unknown
        self.trades = None if self.trades is None or row.trades is None else self.trades + row.trades

    def closed(self, frame: Frame) -> FootprintBar:
        """The bar as it stands, as a value."""
        source = BarSource.BARS if self._sideless else BarSource.BARS_SIDED if self._rows else BarSource.TRADES
        bid: list[int] = []
        ask: list[int] = []
        unknown: list[int] = []
        poc = None
        if source is BarSource.TRADES and self._table is not None:
            flat = self._table.ravel().tolist()
            bid, unknown, ask = flat[0::4], flat[1::4], flat[2::4]
            poc = self.low + poc_index(list(map(sum, zip(bid, unknown, ask, strict=True))))
        sided = source is not BarSource.BARS
        sold, bought = (self.sold, self.bought) if sided else (0, 0)
        return FootprintBar(
            instrument=frame.instrument,
            start_ns=frame.start_ns,
            end_ns=frame.end_ns,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            bid_volume=sold,
            ask_volume=bought,
            unknown_volume=self.volume - sold - bought,
            weak_volume=self._weak if sided else self.volume,
            inferred_volume=self._inferred if sided else self.volume,
            trades=self.trades,
            delta=bought - sold if sided else None,
            min_delta=self._delta_low if source is BarSource.TRADES else None,
            max_delta=self._delta_high if source is BarSource.TRADES else None,
            cvd_rth=frame.cvd_rth if frame.rth else None,
            cvd_globex=frame.cvd_globex,
            poc=poc,
            bid=bid,
            ask=ask,
            unknown=unknown,
            rth=frame.rth,
            source=source,
            partial=self.partial,
        )

    def shift(self, ticks: int) -> None:
        """Move every price."""
        self.open, self.high, self.low, self.close = (p + ticks for p in (self.open, self.high, self.low, self.close))
