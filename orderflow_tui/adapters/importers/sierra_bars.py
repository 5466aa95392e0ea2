"""Bars as Sierra Chart exports them to text: comma and blank between cells, volume at bid and at ask, dates unpadded.

The stamp is the bar's start in the chart's zone, which is Chicago for a chart of the exchange.
"""

from __future__ import annotations

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.recipe import BarColumns, bars_reading
from orderflow_tui.adapters.importers.source import About, Kind, Reading
from orderflow_tui.adapters.importers.text_table import Head, TextTable
from orderflow_tui.adapters.importers.times import TimeColumns

NAME = "sierra-bars"
_MARKS = {"date", "time", "last", "numberoftrades", "bidvolume", "askvolume"}


def matches(head: Head) -> bool:
    """Sierra's own column names, in any order."""
    return set(head.header()) >= _MARKS


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of the bars."""
    instrument, contract = ask.resolve(head.path)
    zone = ask.zone("America/Chicago")
    columns = BarColumns(
        TimeColumns("time", "date", zone),
        "open",
        "high",
        "low",
        "last",
        "volume",
        bid_volume="bidvolume",
        ask_volume="askvolume",
        trades="numberoftrades",
    )
    table = TextTable.of(head)
    table.require(columns.names)
    about = About(head.path, NAME, Kind.BARS, instrument.symbol, contract, f"{zone}, stamps are bar starts")
    return bars_reading(about, lambda tally: table.batches(columns.names, tally), columns, instrument)


IMPORTER = Importer(NAME, matches, open_file)
