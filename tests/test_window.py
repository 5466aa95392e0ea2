"""The trading window, second by second at its edges."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orderflow_tui.domain.session import SECOND_NS, SessionDay
from orderflow_tui.window import WindowParams, entries_open, flat_at

ET = ZoneInfo("America/New_York")


def ns(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ET).astimezone(UTC)
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * SECOND_NS


def day(text: str, rth_close: str | None) -> SessionDay:
    when = date.fromisoformat(text)
    eve = when - timedelta(days=1)
    opens = None if rth_close is None else ns(f"{text}T09:30:00")
    closes = None if rth_close is None else ns(f"{text}T{rth_close}:00")
    return SessionDay(
        when, ns(f"{text}T00:00:00"), ns(f"{eve}T18:00:00"), ns(f"{text}T17:00:00"), opens, closes, rth_close == "13:00"
    )


NORMAL, HALF, HOLIDAY = day("2026-03-05", "16:00"), day("2026-11-27", "13:00"), day("2026-06-19", None)


@pytest.mark.parametrize(
    ("clock", "allowed"),
    [
        ("09:34:59", False),
        ("09:35:00", True),
        ("11:59:59", True),
        ("12:00:00", False),
        ("12:59:59", False),
        ("13:00:00", True),
        ("15:44:59", True),
        ("15:45:00", False),
    ],
)
def test_the_window_of_a_normal_day(clock: str, allowed: bool) -> None:
    assert entries_open(WindowParams(), NORMAL, ns(f"2026-03-05T{clock}"))[0] is allowed


@pytest.mark.parametrize(("clock", "allowed"), [("11:59:59", True), ("12:30:00", False), ("12:45:00", False)])
def test_the_window_of_a_half_day(clock: str, allowed: bool) -> None:
    assert entries_open(WindowParams(), HALF, ns(f"2026-11-27T{clock}"))[0] is allowed


@pytest.mark.parametrize("hour", range(24))
def test_juneteenth_has_no_window(hour: int) -> None:
    allowed, reason = entries_open(WindowParams(), HOLIDAY, ns(f"2026-06-19T{hour:02d}:00:00"))
    assert not allowed
    assert reason == "no regular session today"


def test_news_closes_the_window() -> None:
    inside = ns("2026-03-05T14:00:00")
    assert entries_open(WindowParams(), NORMAL, inside, "news: FOMC") == (False, "news: FOMC")
    assert entries_open(WindowParams(), NORMAL, inside) == (True, "")


def test_the_flat_time_is_five_minutes_before_the_end() -> None:
    assert flat_at(WindowParams(), NORMAL) == ns("2026-03-05T15:55:00")
    assert flat_at(WindowParams(), HALF) == ns("2026-11-27T12:55:00")
    assert flat_at(WindowParams(), HOLIDAY) is None
    assert flat_at(WindowParams(), None) is None
