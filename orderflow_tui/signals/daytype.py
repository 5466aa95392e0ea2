"""Day type: what the day became, measured against its own first hour. Developing from 10:30, final at the close."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum


class DayType(Enum):
    """Dalton's day types; thresholds ours."""

    NON_TREND = "NON_TREND"
    NEUTRAL_CENTER = "NEUTRAL_CENTER"
    NEUTRAL_EXTREME = "NEUTRAL_EXTREME"
    NORMAL = "NORMAL"
    TREND_UP = "TREND_UP"
    TREND_DOWN = "TREND_DOWN"
    NORMAL_VARIATION = "NORMAL_VARIATION"


EXTENSION_TICKS = 2  # on both sides make a neutral day
SPLIT_TICKS = 4
SPLIT_SHARE = 0.20


def day_type(high: int, low: int, close: int, ib_high: int, ib_low: int, average_range: float | None) -> DayType:
    """Tested in the order of the enum's definition. A day without range is NON_TREND."""
    height, ib = high - low, ib_high - ib_low
    if height == 0 or (average_range is not None and height < 0.5 * average_range):
        return DayType.NON_TREND
    up, down = max(0, high - ib_high), max(0, ib_low - low)
    place = close - low
    if up >= EXTENSION_TICKS and down >= EXTENSION_TICKS:
        extreme = 5 * place >= 4 * height or 5 * place <= height
        return DayType.NEUTRAL_EXTREME if extreme else DayType.NEUTRAL_CENTER
    if 100 * ib >= 85 * height:
        return DayType.NORMAL
    if height >= 2 * ib:
        if up and not down and 4 * place >= 3 * height:
            return DayType.TREND_UP
        if down and not up and 4 * place <= height:
            return DayType.TREND_DOWN
    return DayType.NORMAL_VARIATION


def extension(high: int, low: int, ib_high: int, ib_low: int) -> tuple[int, int, float | None, float | None]:
    """Range extension (up, down) in ticks and in multiples of the initial balance, None for a balance without range."""
    up, down, ib = max(0, high - ib_high), max(0, ib_low - low), ib_high - ib_low
    return (up, down, up / ib, down / ib) if ib > 0 else (up, down, None, None)


def double_distribution(low_tick: int, counts: Sequence[int], singles: Sequence[tuple[int, int]]) -> bool:
    """Whether an interior zone of single prints splits the half-hour letters in two parts of a fifth each or more."""
    total = sum(counts)
    for first, last in singles:
        below = sum(counts[: first - low_tick])
        above = sum(counts[last - low_tick + 1 :])
        if last - first + 1 >= SPLIT_TICKS and min(below, above) >= SPLIT_SHARE * total:
            return True
    return False
