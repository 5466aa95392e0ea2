"""CSV, TSV and their like with the usual column names: the separator and the columns are found in the header."""

from __future__ import annotations

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.named_columns import is_table, symbol_column, table_reading, wanted_columns
from orderflow_tui.adapters.importers.source import Reading
from orderflow_tui.adapters.importers.text_table import Head, TextTable

NAME = "csv"


def matches(head: Head) -> bool:
    """A header that names a time and a price."""
    return len(head.header()) > 1 and is_table(head.header())


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of trades or bars."""
    table = TextTable.of(head)
    names = wanted_columns(table.columns)
    hints: tuple[str, ...] = ()
    symbol = symbol_column(table.columns)
    if symbol is not None and len(head.lines) > 1:
        cells = head.lines[1].split(table.delimiter)
        hints = (cells[table.columns.index(symbol)].strip(),) if len(cells) == len(table.columns) else ()
    return table_reading(head.path, NAME, table.columns, lambda tally: table.batches(names, tally), ask, *hints)


IMPORTER = Importer(NAME, matches, open_file)
