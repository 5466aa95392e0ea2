"""JSON Lines: one object a line, its keys named like the columns of a CSV."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.named_columns import is_table, symbol_column, table_reading, wanted_columns
from orderflow_tui.adapters.importers.rows import RowBatch
from orderflow_tui.adapters.importers.source import ImportFault, Reading, Rejection, Tally
from orderflow_tui.adapters.importers.text_table import Head

NAME = "jsonl"
_ROWS_AT_ONCE = 32_768


def matches(head: Head) -> bool:
    """A first line that is an object."""
    return bool(head.lines) and head.lines[0].lstrip().startswith("{")


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of trades or bars."""
    first = _object(head.lines[0])
    if first is None:
        raise ImportFault(f"{head.path.name}: its first line is no JSON object, expected one object a line")
    keys = tuple(first)
    if not is_table(keys):
        raise ImportFault(f"{head.path.name}: keys {', '.join(keys)} name no time and price; expected ts_utc, price, size")
    names = wanted_columns(keys)
    symbol = symbol_column(keys)
    hints = () if symbol is None else (first[symbol],)

    def batches(tally: Tally) -> Iterator[RowBatch]:
        lines: list[int] = []
        rows: list[list[str]] = []
        with pa.input_stream(str(head.path), compression="detect") as stream:
            for number, line in enumerate(io.TextIOWrapper(stream, head.encoding, errors="replace"), 1):
                text = line.strip()
                if not text:
                    continue
                found = _object(text)
                if found is None:
                    tally.refuse(number, Rejection.BAD_RECORD, text)
                    continue
                lines.append(number)
                rows.append([found.get(name, "") for name in names])
                if len(rows) == (1_024 if tally.sample else _ROWS_AT_ONCE):
                    yield _batch(names, rows, lines)
                    rows, lines = [], []
        yield _batch(names, rows, lines)

    return table_reading(head.path, NAME, keys, batches, ask, *hints)


def _batch(names: tuple[str, ...], rows: list[list[str]], lines: list[int]) -> RowBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return RowBatch(
        {name: pa.array(list(column), pa.string()) for name, column in zip(names, columns, strict=True)},
        np.asarray(lines, dtype=np.int64),
    )


def _object(text: str) -> dict[str, str] | None:
    """A line's object with lower-case keys and every value as its text; numbers keep the digits they were written with."""
    try:
        found = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {str(key).lower(): "" if value is None else str(value) for key, value in found.items()}


IMPORTER = Importer(NAME, matches, open_file)
