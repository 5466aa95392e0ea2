"""Time and sales with a deep book beside each trade: semicolons, UTC, aggressor flag, sizes of N levels on each side.

Three facts the file does not say: the digits after the second are a plain number of microseconds (`.5000` is 5 ms);
`TradeType` 1 traded at the bid (sell aggressor), 2 at the ask; level i of a side lies i ticks from that side's DOM price.
The book beside a trade is from before it and may be older than the quote; it is passed on when it changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from orderflow_tui.adapters.importers import rows as parse
from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.assemble import TradeStream
from orderflow_tui.adapters.importers.recipe import TradeColumns, refuse_strays, trade_rows
from orderflow_tui.adapters.importers.rows import RowBatch, RowCheck
from orderflow_tui.adapters.importers.source import About, Kind, Reading, Tally
from orderflow_tui.adapters.importers.text_table import Head, TextTable
from orderflow_tui.adapters.importers.times import TimeColumns
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import I64, NO_PRICE, Depth, Trades

NAME = "tick-dom"
_COLUMNS = TradeColumns(
    TimeColumns("time", "date", "UTC", unpadded_micros=True),
    "price",
    "volume",
    side="tradetype",
    bid="bidprice",
    ask="askprice",
    side_codes={"1": -1, "2": 1},
)
_BEST = ("biddomprice", "askdomprice")


def matches(head: Head) -> bool:
    """A trade type beside DOM columns."""
    names = set(head.header())
    return {"tradetype", "askdom_0", "biddom_0"} <= names


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of trades and books."""
    table = TextTable.of(head)
    levels = _level_columns(table.columns)
    wanted = (*_COLUMNS.names, *_BEST, *levels[0], *levels[1])
    table.require(wanted)
    instrument, contract = ask.resolve(head.path)
    zone = ask.zone("UTC")
    columns = _COLUMNS if zone == "UTC" else _in_zone(zone)
    about = About(head.path, NAME, Kind.TRADES_DEPTH, instrument.symbol, contract, zone)

    def produce(tally: Tally) -> Iterator[MarketEvent]:
        stream = TradeStream(instrument.symbol, tally)
        books = _Books(instrument, levels)
        for batch in table.batches(wanted, tally):
            check = RowCheck(len(batch))
            found = trade_rows(batch, columns, instrument, check)
            refuse_strays(found.ts_ns, check)
            check.report(batch, tally)
            changed, depths = books.read(batch, check.ok)
            rows = np.flatnonzero(check.ok)
            blocks = list(stream.blocks(found.keep(check.ok)))
            yield from _woven(blocks, rows, changed, depths)
        if books.unreadable:
            tally.warnings.append(f"{books.unreadable} books beside trades could not be read and were left out")

    return Reading(about, produce)


def _in_zone(zone: str) -> TradeColumns:
    time = TimeColumns("time", "date", zone, unpadded_micros=True)
    return TradeColumns(
        time, _COLUMNS.price, _COLUMNS.size, _COLUMNS.side, _COLUMNS.bid, _COLUMNS.ask, side_codes=_COLUMNS.side_codes
    )


def _level_columns(columns: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The size columns of bids and asks, best first."""

    def of(side: str) -> tuple[str, ...]:
        found = [(int(m.group(1)), name) for name in columns if (m := re.fullmatch(rf"{side}dom_(\d+)", name))]
        return tuple(name for _, name in sorted(found))

    return of("bid"), of("ask")


class _Books:
    """The books of a batch, and which rows bring a new one."""

    def __init__(self, instrument: Instrument, levels: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
        self.unreadable = 0
        self._instrument = instrument
        self._levels = levels
        self._last: I64 | None = None

    def read(self, batch: RowBatch, good: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], list[tuple[Levels, Levels] | None]]:
        """Whether each good row's book differs from the one before, and the book where it does."""
        best = [parse.optional_ticks(batch.columns[name], self._instrument) for name in _BEST]
        check = RowCheck(len(batch))
        sizes = [[parse.counts(batch.columns[name], check, least=0) for name in side] for side in self._levels]
        usable = check.ok & (best[0] != NO_PRICE) & (best[1] != NO_PRICE) & (best[1] > best[0])
        self.unreadable += int((good & ~usable).sum())
        usable &= good
        whole = np.stack([best[0], best[1], *sizes[0], *sizes[1]], axis=1)[usable]
        before = whole[:1] * 0 if self._last is None and len(whole) else self._last
        changed = np.zeros(len(batch), dtype=np.bool_)
        if len(whole) and before is not None:
            changed[usable] = (whole != np.concatenate((before.reshape(1, -1), whole[:-1]))).any(axis=1)
            self._last = whole[-1]
        books: list[tuple[Levels, Levels] | None] = [None] * len(batch)
        deep = len(self._levels[0])
        for row, book in zip(np.flatnonzero(changed), whole[changed[usable]], strict=True):
            values = book.tolist()
            books[int(row)] = (_ladder(values[0], -1, values[2 : 2 + deep]), _ladder(values[1], 1, values[2 + deep :]))
        return changed, books


Levels = tuple[tuple[int, int], ...]


def _ladder(best: int, step: int, sizes: list[int]) -> Levels:
    return tuple((best + step * i, size) for i, size in enumerate(sizes) if size)


def _woven(
    blocks: list[Trades],
    rows: NDArray[np.intp],
    changed: NDArray[np.bool_],
    depths: list[tuple[Levels, Levels] | None],
) -> Iterator[MarketEvent]:
    """Trades with every new book right before the trade it stood beside. `rows`: the batch row of each trade."""
    done = 0
    for block in blocks:
        mine = rows[done : done + len(block)]
        start = 0
        for at in np.flatnonzero(changed[mine]).tolist():
            if at > start:
                yield block.cut(start, at)
            book = depths[int(mine[at])]
            assert book is not None
            yield Depth(block.instrument, int(block.ts_ns[at]), *book)
            start = at
        yield block.cut(start, len(block))
        done += len(block)


IMPORTER = Importer(NAME, matches, open_file)
