"""Instruments keep their own regular hours."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orderflow_tui.research.analyze import AnalyzeWish, analyze
from orderflow_tui.wiring.days import trading_days
from orderflow_tui.wiring.plan import configuration

NEW_YORK = ZoneInfo("America/New_York")


def clock(ns: int | None) -> str:
    assert ns is not None
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC).astimezone(NEW_YORK):%H:%M}"


@pytest.mark.parametrize(
    ("symbol", "opens", "closes"),
    [("ES", "09:30", "16:00"), ("MNQ", "09:30", "16:00"), ("CL", "09:00", "14:30"), ("GC", "08:20", "13:30")],
)
def test_regular_hours_are_the_instruments(symbol: str, opens: str, closes: str) -> None:
    (day,) = trading_days(configuration(), symbol, date(2026, 3, 5), date(2026, 3, 5)).days
    assert (clock(day.rth_open_ns), clock(day.rth_close_ns), clock(day.close_ns)) == (opens, closes, "17:00")


def test_a_later_equity_close_moves_equity_indexes_only() -> None:
    loaded = configuration(("session.rth_close=16:15",))
    closes = {s: trading_days(loaded, s, date(2026, 3, 5), date(2026, 3, 5)).days[0].rth_close_ns for s in ("ES", "CL")}
    assert {symbol: clock(ns) for symbol, ns in closes.items()} == {"ES": "16:15", "CL": "14:30"}


def test_a_recording_of_crude_oil_is_analysed_in_its_own_hours(tmp_path: Path) -> None:
    rows = ["ts,open,high,low,close,volume"]
    for k in range(96):  # 08:00 to 16:00 in five minutes
        price = 70.0 + k / 100
        rows.append(f"2026-03-05 {8 + k // 12:02d}:{k % 12 * 5:02d}:00,{price:.2f},{price:.2f},{price:.2f},{price:.2f},10")
    path = tmp_path / "CLJ26.csv"
    path.write_text("\n".join(rows) + "\n")
    sessions: Any = analyze(AnalyzeWish((path,), instrument="CL", tz="America/New_York")).document()["sessions"]
    (rth,) = (session["rth"] for session in sessions)
    assert (rth["open"], rth["close"], rth["volume"]) == (70.12, 70.77, 660)
