"""Tables whose columns carry the usual names, whatever file they came in: which column is what.

Trades: `ts_utc,price,size,side,bid,ask` and common other names. Bars: `ts_utc,open,high,low,close,volume` with
`bid_volume`, `ask_volume`, `trades` where known; the stamp is the bar's start.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orderflow_tui.adapters.importers.ask import Ask
from orderflow_tui.adapters.importers.recipe import BarColumns, Batches, TradeColumns, bars_reading, trades_reading
from orderflow_tui.adapters.importers.source import About, ImportFault, Kind, Reading
from orderflow_tui.adapters.importers.times import TimeColumns

_STAMPS_UTC = ("ts_utc", "time_utc", "timestamp_utc", "datetime_utc", "ts_ns", "ts_event", "ts_recv")
_STAMPS = (*_STAMPS_UTC, "ts", "timestamp", "datetime", "date_time", "time", "start")
_DAYS = ("date", "day", "trade_date")
_PRICES = ("price", "last_price", "trade_price", "px", "last")
_SIZES = ("size", "qty", "quantity", "volume", "vol", "last_size")
_SIDES = ("side", "aggressor", "aggressor_side", "trade_side")
_BIDS = ("bid", "bid_price", "best_bid", "bid_px_00")
_ASKS = ("ask", "ask_price", "best_ask", "ask_px_00", "offer")
_OPENS, _HIGHS, _LOWS, _CLOSES = ("open", "o"), ("high", "h"), ("low", "l"), ("close", "last", "c")
_BAR_VOLUMES = ("volume", "vol", "v")
_BID_VOLUMES = ("bid_volume", "bidvolume", "vol_bid", "sell_volume")
_ASK_VOLUMES = ("ask_volume", "askvolume", "vol_ask", "buy_volume")
_TRADE_COUNTS = ("trades", "number_of_trades", "numberoftrades", "count")
_SYMBOLS = ("symbol", "instrument", "contract", "ticker")
EXPECTED = "expected trades (ts_utc,price,size[,side,bid,ask]) or bars (ts_utc,open,high,low,close,volume)"


def is_table(names: Sequence[str]) -> bool:
    """Whether the names are those of trades or bars, or nearly so: a stamp and a price of some kind."""
    return _first(names, _STAMPS) is not None and (
        _first(names, _PRICES) is not None or {_first(names, _OPENS), _first(names, _HIGHS)} != {None}
    )


def symbol_column(names: Sequence[str]) -> str | None:
    """The column that names the instrument, if there is one."""
    return _first(names, _SYMBOLS)


def table_reading(path: Path, format_name: str, names: Sequence[str], batches: Batches, ask: Ask, *hints: str) -> Reading:
    """A reading of a table with these columns. `batches` reads the columns it was told by `wanted`."""
    time, zone = time_columns(path, names, ask)
    instrument, contract = ask.resolve(path, *hints)
    if _first(names, _OPENS) is not None and _first(names, _HIGHS) is not None:
        bars = _bar_columns(path, names, time)
        about = About(path, format_name, Kind.BARS, instrument.symbol, contract, f"{zone}, stamps are bar starts")
        return bars_reading(about, batches, bars, instrument)
    about = About(path, format_name, Kind.TRADES, instrument.symbol, contract, zone)
    return trades_reading(about, batches, _trade_columns(path, names, time), instrument)


def wanted_columns(names: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that any reading could want."""
    groups = (
        (_STAMPS, _DAYS, _PRICES, _SIZES, _SIDES, _BIDS, _ASKS),
        (_OPENS, _HIGHS, _LOWS, _CLOSES, _BAR_VOLUMES, _BID_VOLUMES, _ASK_VOLUMES, _TRADE_COUNTS),
    )
    found = [_first(names, aliases) for group in groups for aliases in group]
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _first(names: Sequence[str], aliases: Sequence[str]) -> str | None:
    return next((alias for alias in aliases if alias in names), None)


def _need(path: Path, names: Sequence[str], aliases: Sequence[str]) -> str:
    found = _first(names, aliases)
    if found is None:
        raise ImportFault(f"{path.name}: column {aliases[0]} is missing; its columns are {', '.join(names)}; {EXPECTED}")
    return found


def time_columns(path: Path, names: Sequence[str], ask: Ask) -> tuple[TimeColumns, str]:
    """Where the times are, and what is said about their zone."""
    stamp = _need(path, names, _STAMPS)
    day = _first(names, _DAYS) if stamp == "time" else None
    zone = ask.zone("UTC")
    said = (
        zone
        if ask.tz is not None or stamp in _STAMPS_UTC
        else f"{zone} (assumed where a time names no zone; --tz says otherwise)"
    )
    return TimeColumns(stamp, day, zone), said


def _trade_columns(path: Path, names: Sequence[str], time: TimeColumns) -> TradeColumns:
    price, size = _need(path, names, _PRICES), _need(path, names, _SIZES)
    bid, ask = _first(names, _BIDS), _first(names, _ASKS)
    quoted = bid is not None and ask is not None
    return TradeColumns(time, price, size, side=_first(names, _SIDES), bid=bid if quoted else None, ask=ask if quoted else None)


def _bar_columns(path: Path, names: Sequence[str], time: TimeColumns) -> BarColumns:
    opened, high, low, close = (_need(path, names, aliases) for aliases in (_OPENS, _HIGHS, _LOWS, _CLOSES))
    bid, ask = _first(names, _BID_VOLUMES), _first(names, _ASK_VOLUMES)
    sided = bid is not None and ask is not None
    return BarColumns(
        time,
        opened,
        high,
        low,
        close,
        _need(path, names, _BAR_VOLUMES),
        bid_volume=bid if sided else None,
        ask_volume=ask if sided else None,
        trades=_first(names, _TRADE_COUNTS),
    )
