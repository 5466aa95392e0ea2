"""Instruments keep their own regular hours."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orderflow_tui.adapters.calendar import own_overrides
from orderflow_tui.config import ConfigFault, Places, config_dir, load
from orderflow_tui.research.analyze import AnalyzeWish, analyze
from orderflow_tui.wiring.days import corrections, trading_days
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


def test_a_calendar_beside_the_user_s_file_is_added_to_the_shipped_corrections(tmp_path: Path) -> None:
    user = tmp_path / "orderflow.toml"
    user.touch()
    (tmp_path / "calendar.toml").write_text('[[day]]\ndate = 2026-03-10\nglobex_close = "09:30"\nwhy = "mourning"\n')
    loaded = load(Places(config_dir(), user))
    known = {day.trade_date for day in trading_days(loaded, "ES", date(2026, 3, 1), date(2026, 4, 30)).days}
    assert date(2026, 3, 10) not in known, "the user's own"
    assert {date(2026, 3, 9), date(2026, 3, 11)} <= known
    assert set(own_overrides()) < set(corrections(loaded))


@pytest.mark.parametrize(
    ("text", "sentence"), [("[[day]\n", "cannot be read"), ('[[day]]\ndate = 2026-03-10\nglobex = "x"\n', "unknown key 'globex'")]
)
def test_a_calendar_that_cannot_be_used_is_a_mistake_of_the_configuration(tmp_path: Path, text: str, sentence: str) -> None:
    user = tmp_path / "orderflow.toml"
    user.touch()
    (tmp_path / "calendar.toml").write_text(text)
    with pytest.raises(ConfigFault) as fault:
        corrections(load(Places(config_dir(), user)))
    assert str(fault.value).startswith(f"{tmp_path / 'calendar.toml'}: ")
    assert sentence in str(fault.value)
