"""History the gateway can be asked for: bars of any minute ever, the same every time they are asked.

Price and volume are pure functions of the minute, so two requests that overlap agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import sin
from zoneinfo import ZoneInfo

CHICAGO = ZoneInfo("America/Chicago")
MINUTE_S = 60
HALF_HOUR = 30  # minutes


@dataclass(frozen=True, slots=True)
class PastBar:
    """One bar. Prices in ticks, `start_s` epoch seconds."""

    start_s: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    count: int


def _mixed(value: int) -> int:
    """A well-spread 32-bit number from any integer (the finaliser of MurmurHash3)."""
    value &= 0xFFFFFFFF
    value = (value ^ (value >> 16)) * 0x85EBCA6B & 0xFFFFFFFF
    value = (value ^ (value >> 13)) * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ (value >> 16)


def _path(minute: int) -> int:
    """Ticks away from the start at the opening of a minute."""
    return round(90 * sin(minute / 997) + 45 * sin(minute / 211) + 12 * sin(minute / 37)) + _mixed(minute) % 3


def is_open(moment: datetime) -> bool:
    """Whether the futures trade: Sunday 17:00 to Friday 16:00 Chicago, with a pause from 16:00 to 17:00."""
    local = moment.astimezone(CHICAGO)
    day, hour = local.weekday(), local.hour
    if day == 5 or (day == 4 and hour >= 16) or (day == 6 and hour < 17):
        return False
    return hour != 16


def is_regular(moment: datetime) -> bool:
    """Whether regular hours run: weekdays 08:30 to 15:00 Chicago."""
    local = moment.astimezone(CHICAGO)
    return local.weekday() < 5 and (8, 30) <= (local.hour, local.minute) < (15, 0)


def minute_bar(start: int, minute: int) -> PastBar:
    """The bar of a minute since the epoch, for a product that starts at `start` ticks."""
    first, last = start + _path(minute), start + _path(minute + 1)
    spread = _mixed(minute * 7 + 1) % 5
    volume = 40 + _mixed(minute * 3 + 2) % 900
    return PastBar(minute * MINUTE_S, first, max(first, last) + spread, min(first, last) - spread, last, volume, 1 + volume // 3)


def bars(start: int, begin: datetime, end: datetime, seconds: int, regular_only: bool) -> list[PastBar]:
    """All bars of `seconds` (a multiple of 60) in [begin, end), empty ones left out."""
    step = seconds // MINUTE_S
    allowed = is_regular if regular_only else is_open
    minute = int(begin.timestamp()) // MINUTE_S // step * step
    stop = int(end.timestamp()) // MINUTE_S
    found: list[PastBar] = []
    while minute < stop:
        if _in_half_hour(allowed, minute // HALF_HOUR):
            found.append(_joined([minute_bar(start, m) for m in range(minute, min(minute + step, stop))]))
        minute += step
    return found


def days(start: int, begin: datetime, end: datetime) -> list[PastBar]:
    """One bar for each weekday in [begin, end): its regular hours, so far as they are over."""
    found: list[PastBar] = []
    day = begin.astimezone(CHICAGO).date()
    while day <= end.astimezone(CHICAGO).date():
        opening = datetime(day.year, day.month, day.day, 8, 30, tzinfo=CHICAGO)
        closing = min(opening + timedelta(hours=6, minutes=30), end.astimezone(CHICAGO))
        if day.weekday() < 5 and opening < closing:
            first, last = (int(t.timestamp()) // MINUTE_S for t in (opening, closing))
            if first == last:
                break  # the first minute of the day still runs
            found.append(_joined([minute_bar(start, m) for m in range(first, last)]))
        day += timedelta(days=1)
    return found


@lru_cache(maxsize=10_000)
def _in_half_hour(allowed: Callable[[datetime], bool], half_hour: int) -> bool:
    """Trading hours begin and end on the half hour."""
    return allowed(datetime.fromtimestamp(half_hour * HALF_HOUR * MINUTE_S, UTC))


def _joined(parts: list[PastBar]) -> PastBar:
    return PastBar(
        parts[0].start_s,
        parts[0].open,
        max(p.high for p in parts),
        min(p.low for p in parts),
        parts[-1].close,
        sum(p.volume for p in parts),
        sum(p.count for p in parts),
    )


def begin_of(end: datetime, duration: str) -> datetime:
    """Where a request of this duration begins: seconds, days (trading days), weeks, months or years before `end`."""
    number, unit = duration.split()
    count = int(number)
    match unit:
        case "S":
            return end - timedelta(seconds=count)
        case "D":
            return _trading_days_before(end, count)
        case "W":
            return end - timedelta(weeks=count)
        case "M":
            return end - timedelta(days=30 * count)
        case "Y":
            return end - timedelta(days=365 * count)
        case _:
            raise ValueError(f"expected a duration in S, D, W, M or Y, got {duration!r}")


def _trading_days_before(end: datetime, count: int) -> datetime:
    """17:00 Chicago of the evening that opened the `count`-th last trading day, the one of `end` included."""
    local = (end - timedelta(seconds=1)).astimezone(CHICAGO)
    day = local.date() + timedelta(days=1) if local.hour >= 17 else local.date()
    while True:
        if day.weekday() < 5:
            count -= 1
            if count == 0:
                break
        day -= timedelta(days=1)
    eve = day - timedelta(days=1)
    return datetime(eve.year, eve.month, eve.day, 17, tzinfo=CHICAGO)
