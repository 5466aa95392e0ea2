"""Time and sales with Spanish headers: semicolons, decimal commas, the zone of the exchange's clock unnamed.

Its `lado` column was computed from a quote that lags, so it is not believed: sides are settled again, from the quote
beside each trade where that is as of the trade, else by the tick rule. The source says which.
"""

from __future__ import annotations

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.recipe import TradeColumns, trades_reading
from orderflow_tui.adapters.importers.source import About, Kind, Reading
from orderflow_tui.adapters.importers.text_table import Head, TextTable
from orderflow_tui.adapters.importers.times import TimeColumns

NAME = "spanish-ticks"
_SIZES = ("volumen", "volume")


def matches(head: Head) -> bool:
    """`precio` names the price."""
    return {"timestamp", "precio"} <= set(head.header())


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of the trades."""
    table = TextTable.of(head)
    size = next((name for name in _SIZES if name in table.columns), _SIZES[0])
    zone = ask.zone("America/New_York")
    quoted = {"bid", "ask"} <= set(table.columns)
    columns = TradeColumns(
        TimeColumns("timestamp", None, zone),
        "precio",
        size,
        bid="bid" if quoted else None,
        ask="ask" if quoted else None,
        decimal_comma=True,
    )
    table.require(columns.names)
    instrument, contract = ask.resolve(head.path)
    said = zone if ask.tz is not None else f"{zone} (assumed: the file names none; --tz says otherwise)"
    about = About(head.path, NAME, Kind.TRADES, instrument.symbol, contract, said)
    return trades_reading(about, lambda tally: table.batches(columns.names, tally), columns, instrument)


IMPORTER = Importer(NAME, matches, open_file)
