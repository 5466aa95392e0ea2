"""Which column of a table means what, and the reading that follows from it. A format of text is a recipe and little else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from orderflow_tui.adapters.importers import rows as parse
from orderflow_tui.adapters.importers.assemble import BarStream, TradeRows, TradeStream
from orderflow_tui.adapters.importers.rows import RowBatch, RowCheck
from orderflow_tui.adapters.importers.source import About, ImportFault, Reading, Rejection, Tally
from orderflow_tui.adapters.importers.times import TimeColumns, utc_ns
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import I64, Bars, Trades

Batches = Callable[[Tally], Iterator[RowBatch]]
SECOND_NS = 1_000_000_000
STRAY_NS = 3_600 * SECOND_NS
_LONGEST_BAR_S = 86_400


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Columns of a table of trades; `side_codes` are the format's own words for the aggressor."""

    time: TimeColumns
    price: str
    size: str
    side: str | None = None
    bid: str | None = None
    ask: str | None = None
    decimal_comma: bool = False
    side_codes: Mapping[str, int] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns to read."""
        return _named(self.time.day, self.time.stamp, self.price, self.size, self.side, self.bid, self.ask)


@dataclass(frozen=True, slots=True)
class BarColumns:
    """Columns of a table of bars. `stamps_end`: the file names the end of each bar."""

    time: TimeColumns
    open: str
    high: str
    low: str
    close: str
    volume: str
    bid_volume: str | None = None
    ask_volume: str | None = None
    trades: str | None = None
    stamps_end: bool = False
    decimal_comma: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns to read."""
        prices = (self.open, self.high, self.low, self.close)
        return _named(self.time.day, self.time.stamp, *prices, self.volume, self.bid_volume, self.ask_volume, self.trades)


def _named(*names: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))


def trades_reading(about: About, batches: Batches, columns: TradeColumns, instrument: Instrument) -> Reading:
    """A reading of a table of trades."""

    def produce(tally: Tally) -> Iterator[Trades]:
        stream = TradeStream(instrument.symbol, tally)
        for batch in batches(tally):
            check = RowCheck(len(batch))
            found = trade_rows(batch, columns, instrument, check)
            refuse_strays(found.ts_ns, check)
            check.report(batch, tally)
            yield from stream.blocks(found.keep(check.ok))

    return Reading(about, produce)


def refuse_strays(stamps: I64, check: RowCheck) -> None:
    """Refuse single rows far ahead of both neighbours: believed, one wrong year would make every later trade late."""
    good = np.flatnonzero(check.ok)
    if len(good) < 2:
        return
    times = stamps[good]
    ahead_of_last = np.concatenate(([True], np.diff(times) > STRAY_NS))
    ahead_of_next = np.concatenate((times[:-1] - times[1:] > STRAY_NS, [False]))
    stray = np.zeros(len(check.ok), dtype=np.bool_)
    stray[good[ahead_of_last & ahead_of_next]] = True
    check.refuse(stray, Rejection.OUT_OF_ORDER)


def trade_rows(batch: RowBatch, columns: TradeColumns, instrument: Instrument, check: RowCheck) -> TradeRows:
    """The trades of a batch, one per row; rows refused in `check` hold arbitrary values."""
    comma = columns.decimal_comma

    def quote(name: str | None) -> I64 | None:
        return None if name is None else parse.optional_ticks(batch.columns[name], instrument, decimal_comma=comma)

    stamps = utc_ns(batch, columns.time, check)
    price = parse.ticks(batch.columns[columns.price], instrument, check, decimal_comma=comma)
    size = parse.counts(batch.columns[columns.size], check, least=1, decimal_comma=comma)
    flag = None if columns.side is None else parse.sides(batch.columns[columns.side], check, columns.side_codes)
    return TradeRows(stamps, price, size, flag, quote(columns.bid), quote(columns.ask))


def bars_reading(about: About, batches: Batches, columns: BarColumns, instrument: Instrument) -> Reading:
    """A reading of a table of bars; how long a bar is, the distance most rows keep says."""

    def produce(tally: Tally) -> Iterator[Bars]:
        stream, seconds, newest = BarStream(tally), 0, -(2**62)
        for batch in batches(tally):
            if not len(batch):
                continue
            check = RowCheck(len(batch))
            stamps = utc_ns(batch, columns.time, check)
            seconds = seconds or _bar_seconds(stamps[check.ok], about)
            starts = stamps - seconds * SECOND_NS if columns.stamps_end else stamps
            before = np.maximum.accumulate(np.where(check.ok, starts, newest))
            late = starts <= np.concatenate(([newest], np.maximum(before, newest)[:-1]))
            check.refuse(late, Rejection.OUT_OF_ORDER)
            bars = _bar_rows(batch, columns, instrument, check, starts, seconds)
            newest = max(newest, int(before[-1]))
            check.report(batch, tally)
            yield from stream.blocks(_kept(bars, check))

    return Reading(about, produce)


def _bar_rows(batch: RowBatch, columns: BarColumns, instrument: Instrument, check: RowCheck, starts: I64, seconds: int) -> Bars:
    def price(name: str) -> I64:
        return parse.ticks(batch.columns[name], instrument, check, decimal_comma=columns.decimal_comma)

    def count(name: str | None) -> I64 | None:
        if name is None:
            return None
        return parse.counts(batch.columns[name], check, least=0, decimal_comma=columns.decimal_comma)

    opened, high, low, close = price(columns.open), price(columns.high), price(columns.low), price(columns.close)
    volume = count(columns.volume)
    assert volume is not None
    bid, ask, trades = count(columns.bid_volume), count(columns.ask_volume), count(columns.trades)
    check.refuse((high < np.maximum(opened, close)) | (low > np.minimum(opened, close)), Rejection.BAD_BAR)
    if bid is not None and ask is not None:
        check.refuse(bid + ask > volume, Rejection.BAD_BAR)
    check.refuse(volume == 0, Rejection.EMPTY_BAR)
    return Bars(instrument.symbol, seconds, starts, opened, high, low, close, volume, bid, ask, trades)


def _kept(bars: Bars, check: RowCheck) -> Bars:
    def rows(column: I64 | None) -> I64 | None:
        return None if column is None else column[check.ok]

    return replace(
        bars,
        start_ns=bars.start_ns[check.ok],
        open=bars.open[check.ok],
        high=bars.high[check.ok],
        low=bars.low[check.ok],
        close=bars.close[check.ok],
        volume=bars.volume[check.ok],
        bid_volume=rows(bars.bid_volume),
        ask_volume=rows(bars.ask_volume),
        trades=rows(bars.trades),
    )


def _bar_seconds(stamps: I64, about: About) -> int:
    gaps = np.diff(stamps)
    lengths, how_often = np.unique(gaps[gaps > 0], return_counts=True)
    seconds = int(lengths[np.argmax(how_often)]) // SECOND_NS if len(lengths) else 0
    if not 0 < seconds <= _LONGEST_BAR_S:
        raise ImportFault(f"{about.path.name}: cannot tell how long a bar is: fewer than two bars have readable times")
    return seconds
