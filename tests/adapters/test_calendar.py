"""The exchange calendar: trade dates, holidays, half days, corrections."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from orderflow_tui.adapters import calendar
from orderflow_tui.adapters.calendar import CalendarFault, Override, read_overrides, session_table
from orderflow_tui.domain.session import Phase, SessionDay, SessionTable
from tests.recordings import recording

NEW_YORK = ZoneInfo("America/New_York")


def ns(text: str) -> int:
    """UTC ns of a New York wall-clock time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * 1_000_000_000


def et(stamp: int | None) -> str:
    assert stamp is not None
    return datetime.fromtimestamp(stamp // 1_000_000_000, NEW_YORK).strftime("%m-%d %H:%M")


def day(trade_date: str, rth_close: str = "16:00", rth_open: str = "09:30") -> SessionDay:
    wanted = date.fromisoformat(trade_date)
    found = session_table(wanted, wanted, rth_close=rth_close, rth_open=rth_open).day_of(wanted)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return session_table(date(2025, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("wall", "trade_date"),
    [
        ("2026-03-05T18:00:00", "2026-03-06"),
        ("2026-03-08T18:00:00", "2026-03-09"),
        ("2026-05-24T18:00:00", "2026-05-26"),
        ("2026-05-25T12:00:00", "2026-05-26"),
        ("2026-11-25T18:00:00", "2026-11-27"),
        ("2026-03-06T16:59:59", "2026-03-06"),
        ("2026-03-06T17:00:00", "2026-03-09"),
        ("2026-03-07T12:00:00", "2026-03-09"),
        ("2026-04-03T09:00:00", "2026-04-06"),
        ("2025-01-09T09:00:00", "2025-01-10"),
    ],
)
def test_an_instant_settles_into_its_trade_date(table: SessionTable, wall: str, trade_date: str) -> None:
    assert table.trade_date(ns(wall)) == date.fromisoformat(trade_date)


def test_what_was_looked_up_before_changes_no_answer(table: SessionTable) -> None:
    stamps = [stamp for d in table.days[:40] for stamp in (d.open_ns - 1, d.open_ns, d.close_ns - 1, d.close_ns)]
    stamps += [table.days[-1].close_ns - 1, table.days[-1].close_ns, 0]
    alone = [SessionTable(table.days).day_at(stamp) for stamp in stamps]
    order = np.random.default_rng(1).permutation(len(stamps)).tolist()
    assert [table.day_at(stamps[i]) for i in order] == [alone[i] for i in order]
    assert alone[-2] is None


def test_sunday_opens_in_summer_time_the_evening_clocks_changed(table: SessionTable) -> None:
    monday = table.day_of(date(2026, 3, 9))
    assert monday is not None
    assert monday.open_ns == int(datetime.fromisoformat("2026-03-08T22:00:00+00:00").timestamp()) * 10**9


def test_a_normal_day_runs_from_the_evening_before_to_five_in_the_afternoon() -> None:
    thursday = day("2026-03-05")
    assert [et(t) for t in (thursday.open_ns, thursday.rth_open_ns, thursday.rth_close_ns, thursday.close_ns)] == [
        "03-04 18:00",
        "03-05 09:30",
        "03-05 16:00",
        "03-05 17:00",
    ]
    assert not thursday.half_day
    assert thursday.midnight_ns == ns("2026-03-05T00:00:00")


@pytest.mark.parametrize("half", ["2025-07-03", "2025-11-28", "2025-12-24", "2026-11-27", "2026-12-24"])
def test_half_days_end_regular_hours_at_one_and_globex_at_a_quarter_past(half: str) -> None:
    found = day(half)
    assert found.half_day
    assert et(found.rth_close_ns)[6:] == "13:00"
    assert et(found.close_ns)[6:] == "13:15"


@pytest.mark.parametrize(
    "holiday", ["2025-06-19", "2026-06-19", "2026-01-19", "2026-02-16", "2026-07-03", "2026-09-07", "2026-11-26", "2022-06-20"]
)
def test_a_holiday_without_regular_hours_is_no_trade_date(holiday: str) -> None:
    wanted = date.fromisoformat(holiday)
    assert session_table(wanted, wanted).days == ()


def test_holiday_trading_belongs_to_the_day_after_and_is_overnight() -> None:
    tuesday = day("2026-05-26")
    assert et(tuesday.open_ns) == "05-24 18:00"
    assert tuesday.phase(ns("2026-05-25T12:00:00")) is Phase.OVERNIGHT


@pytest.mark.parametrize(
    ("stops", "goes_on"),
    [
        ("2025-11-27T13:00", "2025-11-27T18:00"),
        ("2026-04-03T09:15", "2026-04-05T18:00"),
        ("2026-05-25T13:00", "2026-05-25T18:00"),
        ("2026-06-19T13:00", "2026-06-21T18:00"),
        ("2026-07-03T13:00", "2026-07-05T18:00"),
        ("2025-01-09T09:30", "2025-01-09T18:00"),
    ],
)
def test_where_a_holiday_stops_the_market_is_closed_until_it_opens_again(table: SessionTable, stops: str, goes_on: str) -> None:
    stop, go = ns(f"{stops}:00"), ns(f"{goes_on}:00")
    found = table.day_at(stop)
    assert found is not None
    assert found.pauses == ((stop, go),)
    phases = [found.phase(instant) for instant in (stop - 1, stop, go - 1, go)]
    assert phases == [Phase.OVERNIGHT, Phase.CLOSED, Phase.CLOSED, Phase.OVERNIGHT]
    assert found.open_between(stop - 7, go + 5) == 12
    assert {d.trade_date for d in (table.day_at(stop - 1), table.day_at(go)) if d is not None} == {found.trade_date}


def test_only_days_behind_a_holiday_pause(table: SessionTable) -> None:
    paused = [d.trade_date.isoformat() for d in table.days if d.pauses and d.trade_date.year == 2026]
    assert paused == [
        "2026-01-20",
        "2026-02-17",
        "2026-04-06",
        "2026-05-26",
        "2026-06-22",
        "2026-07-06",
        "2026-09-08",
        "2026-11-27",
    ]
    assert all(found.open_between(0, 2 * found.close_ns) == found.close_ns - found.open_ns for found in table.days[:5])


def test_two_holidays_in_a_row_are_two_pauses() -> None:
    closes = [Override(date(2026, 5, n), 13 * 60, None) for n in (25, 26)]
    (found,) = session_table(date(2026, 5, 25), date(2026, 5, 27), closes).days
    assert [(et(begin), et(end)) for begin, end in found.pauses] == [
        ("05-25 13:00", "05-25 18:00"),
        ("05-26 13:00", "05-26 18:00"),
    ]


def test_a_day_opens_when_its_holiday_did_even_if_the_table_starts_on_it() -> None:
    assert et(day("2026-11-27").open_ns) == "11-25 18:00"


def test_good_friday_is_closed_unless_payrolls_fall_on_it(table: SessionTable) -> None:
    after_2025, after_2026 = table.day_of(date(2025, 4, 21)), table.day_of(date(2026, 4, 6))
    assert after_2025 is not None
    assert after_2026 is not None
    assert et(after_2025.open_ns) == "04-20 18:00"
    assert et(after_2026.open_ns) == "04-02 18:00"


def test_a_later_regular_close_moves_normal_and_half_days_alike() -> None:
    assert et(day("2026-03-05", rth_close="16:15").rth_close_ns)[6:] == "16:15"
    assert et(day("2026-11-27", rth_close="16:15").rth_close_ns)[6:] == "13:15"


def test_an_instrument_with_earlier_hours_keeps_them_on_half_days() -> None:
    gold = day("2026-11-27", rth_open="08:20", rth_close="12:30")
    assert (et(gold.rth_open_ns)[6:], et(gold.rth_close_ns)[6:]) == ("08:20", "12:30")


def test_an_override_closes_a_day_adds_one_and_shortens_one() -> None:
    overrides = (
        Override(date(2026, 3, 5), None, None),
        Override(date(2026, 3, 7), 17 * 60, 16 * 60),
        Override(date(2026, 3, 9), 13 * 60 + 15, 13 * 60),
    )
    found = session_table(date(2026, 3, 4), date(2026, 3, 9), overrides)
    assert [d.trade_date.day for d in found.days] == [4, 6, 7, 9]
    assert found.days[-1].half_day


def test_days_never_overlap_over_the_whole_table() -> None:
    days = session_table(date(2008, 1, 1), date(2030, 12, 31)).days
    assert len(days) > 5700
    for earlier, later in pairwise(days):
        assert earlier.close_ns <= later.open_ns < later.close_ns
    for one in days:
        assert one.rth_open_ns is not None
        assert one.rth_close_ns is not None
        assert one.open_ns < one.rth_open_ns < one.rth_close_ns <= one.close_ns


def test_a_date_outside_the_table_is_refused_with_its_limits() -> None:
    with pytest.raises(CalendarFault, match="2008-01-01 to 2030-12-31"):
        session_table(date(2031, 1, 1), date(2031, 2, 1))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[days]]\n", "unknown table 'days'"),
        ('[[day]]\ndate = 2026-01-02\nglobex_close = "9"\n', "must be a time"),
        ("[[day]]\ndate = 2026-01-02\n", "needs globex_close"),
        ('[[day]]\ndate = "2026-01-02"\nglobex_close = "closed"\n', "needs date"),
        ('[[day]]\ndate = 2026-01-02\nglobex = "closed"\n', "unknown key 'globex'"),
        ("[[day]\n", "cannot be read"),
    ],
)
def test_a_wrong_correction_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "calendar.toml"
    path.write_text(text)
    with pytest.raises(CalendarFault, match=complaint):
        read_overrides(path)


@pytest.mark.filterwarnings("ignore")
def test_the_kept_table_is_what_a_build_gives_for_the_past(tmp_path: Path) -> None:
    rebuilt = tmp_path / "table.csv"
    assert calendar.build(rebuilt) > 5_900
    past = [row for row in rebuilt.read_text().splitlines() if row < "2026"]
    assert past == [row for row in calendar.TABLE.read_text().splitlines() if row < "2026"]


def test_recorded_bars_lie_inside_the_sessions() -> None:
    found = session_table(date(2015, 1, 1), date(2015, 12, 31))
    rows = recording("es_5min_bidask/ESM15-CME.scid_BarData__5m.txt").read_text().splitlines()[1:]
    chicago = ZoneInfo("America/Chicago")
    stamps = [datetime.strptime(row[: row.index(",", 11)], "%Y/%m/%d, %H:%M:%S").replace(tzinfo=chicago) for row in rows]
    closed = np.array(
        [
            (d := found.day_at(int(s.timestamp()) * 10**9)) is None or d.phase(int(s.timestamp()) * 10**9) is Phase.CLOSED
            for s in stamps
        ]
    )
    assert closed.mean() < 0.001
