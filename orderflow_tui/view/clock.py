"""Exchange time as text, from the trading day's own midnight: the pure floors know no time zone."""

from __future__ import annotations

from orderflow_tui.domain.session import SECOND_NS, SessionTable

DAY_S = 86_400


def et_clock(table: SessionTable, ts_ns: int) -> str:
    """`HH:MM:SS` exchange time of an instant, `--:--:--` outside the calendar."""
    day = table.day_at(ts_ns)
    if day is None:
        return "--:--:--"
    second = (ts_ns - day.midnight_ns) // SECOND_NS % DAY_S
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
