from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from orderflow_tui.domain.session import MINUTE_NS, Phase, SessionTable
from orderflow_tui.domain.watch import NEVER
from orderflow_tui.market.session import Boundary, OutsideCalendar, SessionClock
from tests.market.builders import named
from tests.market.days import MARCH, at, session_day, table_of

DAY = date(2026, 3, 5)


def clock_at(ts_ns: int, table: SessionTable = MARCH) -> SessionClock:
    clock = SessionClock(table, 30 * MINUTE_NS, 60 * MINUTE_NS)
    clock.enter(ts_ns)
    return clock


def with_holidays() -> SessionTable:
    """Days around a weekend, Memorial Day and Thanksgiving: a holiday's session settles into the next trade date."""
    march = [session_day(DAY), session_day(date(2026, 3, 6)), session_day(date(2026, 3, 9), date(2026, 3, 8))]
    may = [session_day(date(2026, 5, 22)), session_day(date(2026, 5, 26), date(2026, 5, 24))]
    autumn = [
        session_day(date(2026, 11, 25)),
        session_day(date(2026, 11, 27), date(2026, 11, 25), closes="13:15:00", rth="13:00:00"),
    ]
    return SessionTable((*march, *may, *autumn))


@pytest.mark.parametrize("vector", **named("sessions"))
def test_trade_dates_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    day, clock = vector["et"].split("T")
    ts_ns = at(day, clock)
    assert str(with_holidays().trade_date(ts_ns)) == vector["trade_date"]
    if "utc" in vector:
        assert ts_ns == int(datetime.fromisoformat(vector["utc"]).timestamp()) * 10**9


def test_a_day_is_walked_boundary_by_boundary() -> None:
    clock = clock_at(at("2026-03-04", "17:30:00"))
    assert (clock.day, clock.phase, clock.due_ns) == (None, Phase.CLOSED, at("2026-03-04", "18:00:00"))
    assert clock.take(clock.due_ns) == [Boundary.DAY_OPEN]
    clock.open(MARCH.days[23], at("2026-03-04", "18:00:00"))
    walked = []
    while clock.due_ns != NEVER:
        due = clock.due_ns
        walked.append((due, [b.name for b in clock.take(due)], clock.phase))
    assert walked[0] == (at(DAY, "09:30:00"), ["RTH_OPEN"], Phase.RTH)
    assert walked[1] == (at(DAY, "10:00:00"), ["PERIOD_END"], Phase.RTH)
    assert walked[2] == (at(DAY, "10:30:00"), ["PERIOD_END", "IB_END"], Phase.RTH)
    assert walked[-2] == (at(DAY, "16:00:00"), ["PERIOD_END", "RTH_CLOSE"], Phase.AFTER)
    assert walked[-1] == (at(DAY, "17:00:00"), ["DAY_CLOSE"], Phase.CLOSED)
    assert len(walked) == 1 + 13 + 1


def test_entering_in_the_middle_leaves_the_past_behind() -> None:
    clock = clock_at(at(DAY, "10:00:00"))
    assert (clock.phase, clock.due_ns) == (Phase.RTH, at(DAY, "10:30:00"))
    assert clock.take(clock.due_ns) == [Boundary.PERIOD_END, Boundary.IB_END]


def test_after_a_close_the_next_opening_is_awaited() -> None:
    clock = clock_at(at(DAY, "16:30:00"))
    assert clock.take(at(DAY, "17:00:00")) == [Boundary.DAY_CLOSE]
    assert clock.day is not None
    following = clock.after(clock.day)
    assert following is not None
    assert (following.trade_date, clock.due_ns, clock.phase) == (date(2026, 3, 6), at(DAY, "18:00:00"), Phase.CLOSED)


def test_a_half_day_ends_its_last_period_at_the_bell() -> None:
    half = session_day(date(2026, 11, 27), closes="13:15:00", rth="13:00:00")
    clock = clock_at(at("2026-11-27", "12:40:00"), SessionTable((half,)))
    assert clock.take(at("2026-11-27", "13:00:00")) == [Boundary.PERIOD_END, Boundary.RTH_CLOSE]
    assert (clock.phase, clock.due_ns) == (Phase.AFTER, at("2026-11-27", "13:15:00"))


def paused() -> SessionTable:
    """Tuesday after Memorial Day, which stopped at 13:00 on the day before."""
    tuesday = session_day(date(2026, 5, 26), date(2026, 5, 24))
    return SessionTable((replace(tuesday, pauses=((at("2026-05-25", "13:00:00"), at("2026-05-25", "18:00:00")),)),))


def test_a_holiday_pauses_inside_the_day_it_settles_into() -> None:
    clock = clock_at(at("2026-05-25", "12:00:00"), paused())
    assert (clock.phase, clock.running, clock.due_ns) == (Phase.OVERNIGHT, True, at("2026-05-25", "13:00:00"))
    assert clock.take(clock.due_ns) == [Boundary.PAUSE]
    assert (clock.phase, clock.running, clock.due_ns) == (Phase.CLOSED, True, at("2026-05-25", "18:00:00"))
    assert clock.take(clock.due_ns) == [Boundary.PAUSE]
    assert (clock.phase, clock.running, clock.due_ns) == (Phase.OVERNIGHT, True, at("2026-05-26", "09:30:00"))


def test_a_house_that_starts_inside_a_pause_has_its_day_and_waits_for_the_market() -> None:
    clock = clock_at(at("2026-05-25", "15:00:00"), paused())
    assert clock.day == paused().days[0]
    assert (clock.phase, clock.running, clock.due_ns) == (Phase.CLOSED, True, at("2026-05-25", "18:00:00"))


def test_a_day_without_regular_hours_has_one_boundary() -> None:
    holiday = session_day(date(2026, 6, 19), closes="13:00:00", rth=None)
    clock = clock_at(at("2026-06-19", "09:45:00"), SessionTable((holiday,)))
    assert (clock.phase, clock.due_ns) == (Phase.OVERNIGHT, at("2026-06-19", "13:00:00"))


def test_bars_are_anchored_at_the_open_and_cut_at_every_session_boundary() -> None:
    clock = clock_at(at(DAY, "09:00:00"))
    seven = 7 * MINUTE_NS
    assert clock.frame(at("2026-03-04", "18:08:00"), seven)[0] == at("2026-03-04", "18:07:00")
    assert clock.frame(at(DAY, "09:29:59"), seven)[1] == at(DAY, "09:30:00")
    assert clock.frame(at(DAY, "09:30:00"), seven) == (at(DAY, "09:30:00"), at(DAY, "09:37:00"))
    assert clock.frame(at(DAY, "15:59:59"), seven)[1] == at(DAY, "16:00:00")
    assert clock.frame(at(DAY, "16:00:00"), seven)[0] == at(DAY, "16:00:00")
    assert clock.frame(at(DAY, "16:59:00"), seven)[1] == at(DAY, "17:00:00")


def test_trades_in_a_pause_settle_into_the_next_day() -> None:
    clock = clock_at(at(DAY, "16:30:00"))
    assert clock.day_for(at(DAY, "17:20:00")).trade_date == date(2026, 3, 6)
    assert clock.day_for(at("2026-03-07", "12:00:00")).trade_date == date(2026, 3, 9)


def test_a_trade_outside_the_calendar_is_refused_with_its_span() -> None:
    clock = clock_at(at(DAY, "16:30:00"))
    for ts_ns in (at("2026-04-15"), at("2025-12-01")):
        with pytest.raises(OutsideCalendar, match="2026-02-02 to 2026-03-31"):
            clock.day_for(ts_ns)


def test_past_the_calendar_nothing_is_due() -> None:
    clock = clock_at(at("2026-05-01"))
    assert (clock.due_ns, clock.day, clock.entered) == (NEVER, None, True)


def test_age_is_counted_in_trading_days() -> None:
    table = table_of("2026-02-02", "2026-03-31", holidays=["2026-03-03"])
    clock = clock_at(at(DAY, "10:00:00"), table)
    ages = {day: clock.sessions_since(DAY - timedelta(days=day)) for day in (0, 1, 3, 6)}
    assert ages == {0: 0, 1: 1, 3: 2, 6: 3}
    assert clock.sessions_since(None) == 0
    assert clock.sessions_since(date(2020, 1, 1)) == 0
