"""When entries are allowed: the trading window of a session, news windows excepted.

Half-open intervals in exchange time. A holiday without regular hours has no window at all. On a half-day the window
ends where the lunch break begins, because the last minutes before the close are excluded anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.session import MINUTE_NS, SessionDay


@dataclass(frozen=True, slots=True)
class WindowParams:
    """Session window in minutes after midnight exchange time, and what is cut out of it."""

    start_min: int = 9 * 60 + 30
    end_min: int = 15 * 60 + 45
    lunch_start_min: int = 12 * 60
    lunch_end_min: int = 13 * 60
    skip_open_min: int = 5
    skip_close_min: int = 15
    flat_min: int = 15 * 60 + 55
    flat_before_close_min: int = 5  # on a half-day


def entries_open(params: WindowParams, day: SessionDay | None, now_ns: int, news: str = "") -> tuple[bool, str]:
    """Whether entries are allowed now, and the reason when they are not; `news` is what the news calendar objects."""
    if day is None or day.rth_open_ns is None or day.rth_close_ns is None:
        return False, "no regular session today"
    minute = (now_ns - day.midnight_ns) // MINUTE_NS
    opens = max(params.start_min, (day.rth_open_ns - day.midnight_ns) // MINUTE_NS + params.skip_open_min)
    closes = min(params.end_min, (day.rth_close_ns - day.midnight_ns) // MINUTE_NS - params.skip_close_min)
    if minute < opens:
        return False, f"entries from {_clock(opens)} ET"
    if minute >= closes:
        return False, f"no entries after {_clock(closes)} ET"
    if params.lunch_start_min <= minute < params.lunch_end_min:
        return False, f"lunch until {_clock(params.lunch_end_min)} ET"
    return (False, news) if news else (True, "")


def flat_at(params: WindowParams, day: SessionDay | None) -> int | None:
    """The instant of the session's automatic flatten, None on a day without regular hours."""
    if day is None or day.rth_close_ns is None:
        return None
    if day.half_day:
        return day.rth_close_ns - params.flat_before_close_min * MINUTE_NS
    return day.midnight_ns + params.flat_min * MINUTE_NS


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
