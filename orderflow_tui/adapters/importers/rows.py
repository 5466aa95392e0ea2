"""Columns of text turned into columns of integers, row by row judged and never stopped by a bad one.

A `RowCheck` remembers which rows of a batch are good and the first complaint about each other row. The parsers below
refuse rows through it and put an arbitrary value there; whoever assembles the block keeps the good rows only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from orderflow_tui.adapters.importers.source import Rejection, Tally
from orderflow_tui.domain.instrument import E9, GRID_TOLERANCE, Instrument
from orderflow_tui.domain.market import I8, I64, NO_PRICE

Mask = NDArray[np.bool_]
_LARGEST_TICKS = 2**31  # a price beyond it is a fixed-point number somebody forgot to divide
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
SIDE_WORDS: Mapping[str, int] = {
    **dict.fromkeys(("buy", "b", "buyer", "bought", "+1", "1", "ask", "at ask", "atask", "lift"), 1),
    **dict.fromkeys(("sell", "s", "seller", "sold", "-1", "bid", "at bid", "atbid", "hit"), -1),
    **dict.fromkeys(("", "0", "n", "none", "u", "unknown", "?", "nan", "null"), 0),
}


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a file as text: column name → string array, and the line number of every row (from 1)."""

    columns: dict[str, pa.Array]
    lines: I64

    def __len__(self) -> int:
        return len(self.lines)

    def row_text(self, index: int) -> str:
        """A row as it may be shown in a complaint."""
        return " ".join(str(column[index].as_py() or "") for column in self.columns.values())


class RowCheck:
    """Which rows of a batch are good."""

    def __init__(self, count: int) -> None:
        self.ok: Mask = np.ones(count, dtype=np.bool_)
        self.refused: list[tuple[Mask, Rejection]] = []

    def refuse(self, bad: Mask, reason: Rejection) -> None:
        """Refuse rows; of several complaints about one row the first counts."""
        fresh = bad & self.ok
        if fresh.any():
            self.ok &= ~fresh
            self.refused.append((fresh, reason))

    def report(self, batch: RowBatch, tally: Tally) -> None:
        """Tell the tally about every refused row."""
        for mask, reason in self.refused:
            rows = np.flatnonzero(mask)
            shown = rows[:3]
            for row in shown:
                tally.refuse(int(batch.lines[row]), reason, batch.row_text(int(row)))
            tally.refuse_many(reason, len(rows) - len(shown))


def floats(column: pa.Array, *, decimal_comma: bool = False) -> tuple[NDArray[np.float64], Mask, Mask]:
    """Numbers of a text column (NaN where there is none), where the text was empty, where it was no number."""
    text = pc.utf8_trim_whitespace(column)
    if decimal_comma:
        text = pc.replace_substring(text, ",", ".")
    is_number = pc.match_substring_regex(text, _NUMBER)
    values = pc.cast(pc.if_else(is_number, text, "nan"), pa.float64()).to_numpy(zero_copy_only=False)
    good = is_number.to_numpy(zero_copy_only=False).astype(np.bool_)
    empty = pc.equal(pc.utf8_length(text), 0).to_numpy(zero_copy_only=False).astype(np.bool_)
    return values, empty, ~good & ~empty


def ticks(column: pa.Array, instrument: Instrument, check: RowCheck, *, decimal_comma: bool = False) -> I64:
    """Prices in ticks; a row without a price, with text that is none or with one off the grid is refused."""
    values, empty, bad = floats(column, decimal_comma=decimal_comma)
    check.refuse(empty, Rejection.MISSING_FIELD)
    check.refuse(bad, Rejection.BAD_PRICE)
    index, on_grid = grid(values, instrument)
    check.refuse(~on_grid, Rejection.OFF_GRID)
    return index


def optional_ticks(column: pa.Array, instrument: Instrument, *, decimal_comma: bool = False) -> I64:
    """Prices in ticks of a column that may be empty: `NO_PRICE` where there is no usable one."""
    values, _, _ = floats(column, decimal_comma=decimal_comma)
    index, on_grid = grid(values, instrument)
    return np.where(on_grid & (values > 0), index, NO_PRICE)


def grid(prices: NDArray[np.float64], instrument: Instrument) -> tuple[I64, Mask]:
    """Tick index of every price and whether it lies on the grid."""
    scaled = prices * (E9 / instrument.tick_e9)
    with np.errstate(invalid="ignore"):
        near = np.rint(scaled)
        on_grid = (np.abs(scaled - near) < GRID_TOLERANCE) & (np.abs(near) < _LARGEST_TICKS)
    return np.where(on_grid, near, 0.0).astype(np.int64), on_grid


def counts(column: pa.Array, check: RowCheck, *, least: int, decimal_comma: bool = False) -> I64:
    """Whole numbers of at least `least`; anything else refuses the row as BAD_SIZE, an empty cell as MISSING_FIELD."""
    values, empty, bad = floats(column, decimal_comma=decimal_comma)
    check.refuse(empty, Rejection.MISSING_FIELD)
    with np.errstate(invalid="ignore"):
        wrong = bad | (values != np.rint(values)) | (values < least) | (values > 2**53)
    check.refuse(wrong, Rejection.BAD_SIZE)
    return np.where(wrong | empty, least, values).astype(np.int64)


def sides(column: pa.Array, check: RowCheck, codes: Mapping[str, int] | None = None) -> I8:
    """Aggressor of every row by word: BUY, B, 1, ASK (traded at the ask) …; SELL, S, -1, BID …; empty or N: unknown.

    A bare "A" is refused: one half of the world means the ask, the other half the aggressor's side with it.
    `codes` replaces the words where a format has its own.
    """
    encoded = pc.dictionary_encode(pc.utf8_lower(pc.utf8_trim_whitespace(column)))
    known = SIDE_WORDS if codes is None else codes
    meaning = np.array([known.get(word, 2) for word in encoded.dictionary.to_pylist()], dtype=np.int8)
    found = meaning[encoded.indices.to_numpy(zero_copy_only=False)]
    check.refuse(found == 2, Rejection.BAD_SIDE)
    return np.where(found == 2, 0, found).astype(np.int8)
