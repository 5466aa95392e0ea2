"""Sierra Chart's intraday file (`.scid`), by its published layout: a 56-byte header, then 40-byte records.

A record holds a stamp (microseconds since 1899-12-30 UTC), four 32-bit prices and four counts. In a record of one trade
the open is 0 (or one of two marks of a trade that was split), high and low are the ask and bid as of the trade and the
close is its price; volume stands at the bid (a sell aggressor) or at the ask. Any other open makes the record a bar.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.assemble import TradeRows, TradeStream
from orderflow_tui.adapters.importers.rows import RowCheck, grid
from orderflow_tui.adapters.importers.source import About, ImportFault, Kind, Reading, Rejection, Tally
from orderflow_tui.adapters.importers.text_table import Head
from orderflow_tui.adapters.importers.times import EARLIEST_NS, LATEST_NS
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import NO_PRICE, Trades

NAME = "scid"
MAGIC, HEADER_BYTES = b"SCID", 56
RECORD = np.dtype(
    [
        ("stamp_us", "<i8"),
        ("open", "<f4"),
        ("high", "<f4"),
        ("low", "<f4"),
        ("close", "<f4"),
        ("trades", "<u4"),
        ("volume", "<u4"),
        ("bid_volume", "<u4"),
        ("ask_volume", "<u4"),
    ]
)
EPOCH_US = -2_209_161_600_000_000  # 1899-12-30 in microseconds from 1970-01-01
_SPLIT_TRADE_MARK = -1e37  # the two marks of a split trade lie near -1.999e37
_ROWS_AT_ONCE = 262_144


def matches(head: Head) -> bool:
    """The four letters a file starts with."""
    return head.raw.startswith(MAGIC)


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of the trades. Files of bars are refused with the way out."""
    size = head.path.stat().st_size
    header = int.from_bytes(head.raw[4:8], "little")
    record = int.from_bytes(head.raw[8:12], "little")
    if len(head.raw) < HEADER_BYTES or header < HEADER_BYTES or record != RECORD.itemsize:
        raise ImportFault(f"{head.path.name}: expected a {HEADER_BYTES}-byte header and {RECORD.itemsize}-byte records")
    if (size - header) % RECORD.itemsize:
        raise ImportFault(f"{head.path.name} ends in the middle of a record: the file is truncated or still being written")
    instrument, contract = ask.resolve(head.path)
    about = About(head.path, NAME, Kind.TRADES, instrument.symbol, contract, "UTC")

    def produce(tally: Tally) -> Iterator[Trades]:
        stream = TradeStream(instrument.symbol, tally)
        number = 1
        for records in _records(head.path, header, 4_096 if tally.sample else _ROWS_AT_ONCE):
            yield from stream.blocks(_trades(records, instrument, tally, number))
            number += len(records)

    return Reading(about, produce)


def _records(path: Path, header: int, rows: int) -> Iterator[NDArray[np.void]]:
    with path.open("rb") as file:
        file.seek(header)
        while len(records := np.fromfile(file, RECORD, rows)):
            yield records


def _trades(records: NDArray[np.void], instrument: Instrument, tally: Tally, number: int) -> TradeRows:
    check = RowCheck(len(records))
    stamps = (records["stamp_us"] + EPOCH_US) * 1_000
    check.refuse((stamps < EARLIEST_NS) | (stamps >= LATEST_NS), Rejection.BAD_TIME)
    opened = records["open"]
    check.refuse((opened != 0) & (opened > _SPLIT_TRADE_MARK), Rejection.BAD_RECORD)
    close = records["close"].astype(np.float64)
    check.refuse(~np.isfinite(close), Rejection.BAD_PRICE)
    price, on_grid = _grid32(close, instrument)
    check.refuse(~on_grid, Rejection.OFF_GRID)
    size = records["volume"].astype(np.int64)
    check.refuse(size == 0, Rejection.BAD_SIZE)
    at_bid, at_ask = records["bid_volume"] > 0, records["ask_volume"] > 0
    flag = np.where(at_bid & ~at_ask, -1, np.where(at_ask & ~at_bid, 1, 0)).astype(np.int8)
    quote = [np.where(good, ticks, NO_PRICE) for ticks, good in (_quote(records[side], instrument) for side in ("low", "high"))]
    for mask, reason in check.refused:
        rows = np.flatnonzero(mask)
        for row in rows[:3]:
            tally.refuse(number + int(row), reason, f"close {close[row]:g} volume {size[row]} open {opened[row]:g}")
        tally.refuse_many(reason, len(rows) - min(3, len(rows)))
    return TradeRows(stamps, price, size, flag, quote[0], quote[1]).keep(check.ok)


def _quote(column: NDArray[np.float32], instrument: Instrument) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    ticks, on_grid = _grid32(column.astype(np.float64), instrument)
    return ticks, on_grid & (column > 0)


def _grid32(prices: NDArray[np.float64], instrument: Instrument) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Ticks of 32-bit prices: 72.35 arrives as 72.3499985, so the price is first rounded to the digits 32 bits can hold."""
    usable = np.isfinite(prices)
    decimals = instrument.decimals
    return grid(np.where(usable, np.round(np.where(usable, prices, 0.0), decimals), np.nan), instrument)


IMPORTER = Importer(NAME, matches, open_file)
