"""Volumetric bars as a charting platform exports them: a comment line first, New York time, stamps are bar ends.

Its indicator columns are not read: they are somebody else's conclusions.
"""

from __future__ import annotations

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.recipe import BarColumns, bars_reading
from orderflow_tui.adapters.importers.source import About, ImportFault, Kind, Reading
from orderflow_tui.adapters.importers.text_table import Head, TextTable
from orderflow_tui.adapters.importers.times import TimeColumns

NAME = "platform-bars"
_MARKS = {"timestamp", "instrument", "open", "high", "low", "close", "volume"}


def matches(head: Head) -> bool:
    """A `#schema:` comment above a header that names the instrument beside the bar."""
    return bool(head.lines) and head.lines[0].lower().startswith("#schema") and "timestamp" in head.header(1)


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of the bars."""
    table = TextTable.of(head, skip=1)
    table.require(sorted(_MARKS))
    if len(head.lines) < 3:
        raise ImportFault(f"{head.path.name} holds no rows: it has a header and nothing below it")
    first = head.lines[2].split(table.delimiter)
    named = first[table.columns.index("instrument")] if len(first) == len(table.columns) else ""
    instrument, contract = ask.resolve(head.path, named)
    zone = ask.zone("America/New_York")
    sided = {"vol_bid", "vol_ask"} <= set(table.columns)
    columns = BarColumns(
        TimeColumns("timestamp", None, zone),
        "open",
        "high",
        "low",
        "close",
        "volume",
        bid_volume="vol_bid" if sided else None,
        ask_volume="vol_ask" if sided else None,
        stamps_end=True,
    )
    about = About(head.path, NAME, Kind.BARS, instrument.symbol, contract, f"{zone}, stamps are bar ends")
    return bars_reading(about, lambda tally: table.batches(columns.names, tally), columns, instrument)


IMPORTER = Importer(NAME, matches, open_file)
