"""Books in a table: best bid and ask, then the sizes of N levels a side, each further level one tick away.

Columns `bid`, `ask`, `bid_size_1` … `bid_size_N`, `ask_size_1` … `ask_size_N` beside a time; one row a book.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from orderflow_tui.adapters.importers import rows as parse
from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.named_columns import time_columns
from orderflow_tui.adapters.importers.rows import RowBatch, RowCheck
from orderflow_tui.adapters.importers.source import About, Kind, Reading, Rejection, Tally
from orderflow_tui.adapters.importers.text_table import Head, TextTable
from orderflow_tui.adapters.importers.times import TimeColumns, utc_ns
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Depth

NAME = "book-csv"


def matches(head: Head) -> bool:
    """Sizes of the first level on both sides, and no trade beside them."""
    names = set(head.header())
    return {"bid", "ask", "bid_size_1", "ask_size_1"} <= names and "price" not in names


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of the books."""
    table = TextTable.of(head)
    time, zone = time_columns(head.path, table.columns, ask)
    bids, asks = _sizes(table.columns, "bid"), _sizes(table.columns, "ask")
    wanted = (*(() if time.day is None else (time.day,)), time.stamp, "bid", "ask", *bids, *asks)
    instrument, contract = ask.resolve(head.path)
    about = About(head.path, NAME, Kind.DEPTH, instrument.symbol, contract, zone)

    def produce(tally: Tally) -> Iterator[Depth]:
        newest = -(2**62)
        for batch in table.batches(wanted, tally):
            check = RowCheck(len(batch))
            books = list(_books(batch, time, instrument, (bids, asks), check, newest))
            check.report(batch, tally)
            newest = books[-1].ts_ns if books else newest
            tally.saw(np.array([book.ts_ns for book in books], dtype=np.int64))
            yield from books

    return Reading(about, produce)


def _sizes(columns: tuple[str, ...], side: str) -> tuple[str, ...]:
    found = [(int(m.group(1)), name) for name in columns if (m := re.fullmatch(rf"{side}_size_(\d+)", name))]
    return tuple(name for _, name in sorted(found))


def _books(
    batch: RowBatch,
    time: TimeColumns,
    instrument: Instrument,
    sizes: tuple[tuple[str, ...], tuple[str, ...]],
    check: RowCheck,
    newest: int,
) -> Iterator[Depth]:
    stamps = utc_ns(batch, time, check)
    best = [parse.ticks(batch.columns[side], instrument, check) for side in ("bid", "ask")]
    check.refuse(best[0] >= best[1], Rejection.BAD_RECORD)
    levels = [[parse.counts(batch.columns[name], check, least=0) for name in side] for side in sizes]
    before = np.concatenate(([newest], np.maximum.accumulate(np.where(check.ok, stamps, newest))[:-1]))
    check.refuse(stamps < before, Rejection.OUT_OF_ORDER)
    for row in np.flatnonzero(check.ok).tolist():
        bids = tuple((int(best[0][row]) - i, int(size[row])) for i, size in enumerate(levels[0]) if size[row])
        asks = tuple((int(best[1][row]) + i, int(size[row])) for i, size in enumerate(levels[1]) if size[row])
        yield Depth(instrument.symbol, int(stamps[row]), bids, asks)


IMPORTER = Importer(NAME, matches, open_file)
