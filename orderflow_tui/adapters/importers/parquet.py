"""Parquet files: the tape's own trades, or any table with the usual column names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.named_columns import symbol_column, table_reading, wanted_columns
from orderflow_tui.adapters.importers.rows import RowBatch
from orderflow_tui.adapters.importers.source import About, ImportFault, Kind, Reading, Tally
from orderflow_tui.adapters.importers.text_table import Head
from orderflow_tui.adapters.tape_parquet import trade_blocks
from orderflow_tui.domain.market import Trades

NAME = "parquet"
_TAPE_COLUMNS = {"ts_ns", "price", "size", "aggressor", "method", "instrument"}
_ROWS_AT_ONCE = 65_536


def matches(head: Head) -> bool:
    """The four letters a file starts with."""
    return head.raw.startswith(b"PAR1")


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of trades or bars."""
    try:
        schema = parquet.read_schema(head.path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ImportFault(f"{head.path.name} is not readable as Parquet, it may be truncated: {error}") from error
    if set(schema.names) >= _TAPE_COLUMNS:
        return _tape(head, ask)
    names = [name.lower() for name in schema.names]
    wanted = wanted_columns(names)
    symbol = symbol_column(names)

    def batches(_: Tally) -> Iterator[RowBatch]:
        line = 1
        try:
            with parquet.ParquetFile(head.path) as file:
                for part in file.iter_batches(_ROWS_AT_ONCE, columns=[schema.names[names.index(n)] for n in wanted]):
                    texts = {name: _text(column) for name, column in zip(wanted, part.columns, strict=True)}
                    yield RowBatch(texts, np.arange(line, line + len(part), dtype=np.int64))
                    line += len(part)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ImportFault(f"{head.path.name} is damaged: {error}") from error

    hints = () if symbol is None else (_first_value(head, schema.names[names.index(symbol)]),)
    return table_reading(head.path, NAME, names, batches, ask, *hints)


def _tape(head: Head, ask: Ask) -> Reading:
    instrument, _ = ask.resolve(head.path, _first_value(head, "instrument"))
    about = About(head.path, "tape", Kind.TRADES, instrument.symbol, "", "UTC")

    def produce(tally: Tally) -> Iterator[Trades]:
        try:
            for block in trade_blocks(head.path):
                tally.saw_trades(block)
                yield block
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ImportFault(f"{head.path.name} is damaged: {error}") from error

    return Reading(about, produce)


def _first_value(head: Head, column: str) -> str:
    try:
        with parquet.ParquetFile(head.path) as file:
            for part in file.iter_batches(1, columns=[column]):
                return str(part.column(0)[0].as_py())
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ImportFault(f"{head.path.name} is damaged: {error}") from error
    return ""


def _text(column: pa.Array) -> pa.Array:
    """A column as text, nulls as empty cells."""
    plain = column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
    return pc.fill_null(pc.cast(plain, pa.string()), "")


IMPORTER = Importer(NAME, matches, open_file)
