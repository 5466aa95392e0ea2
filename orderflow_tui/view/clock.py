"""Exchange time as text, from the trading day's own midnight: the pure floors know no time zone."""

from __future__ import annotations

from datetime import timedelta

from orderflow_tui.domain.session import SECOND_NS, SessionTable

DAY_S = 86_400


def et_clock(table: SessionTable, ts_ns: int) -> str:
    """`HH:MM:SS` exchange time of an instant, `--:--:--` outside the calendar."""
    day = table.day_at(ts_ns)
    if day is None:
        return "--:--:--"
    second = (ts_ns - day.midnight_ns) // SECOND_NS % DAY_S
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def et_when(table: SessionTable, ts_ns: int, now_ns: int) -> str:
    """The same with the date before it where that is not the date of `now_ns`: `2026-03-02 16:01:07`."""
    date = _et_date(table, ts_ns)
    clock = et_clock(table, ts_ns)
    return clock if date in ("", _et_date(table, now_ns)) else f"{date} {clock}"


def _et_date(table: SessionTable, ts_ns: int) -> str:
    """Calendar date at the exchange, empty outside the calendar. A trade date begins on the evening before."""
    day = table.day_at(ts_ns)
    return "" if day is None else (day.trade_date + timedelta(days=(ts_ns - day.midnight_ns) // (DAY_S * SECOND_NS))).isoformat()
