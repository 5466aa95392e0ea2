"""EMA, ATR and ADX bar by bar, equal to TA-Lib, and the small statistics the regime is judged by.

Prices in ticks. An indicator is None until it has seen what its definition needs; where a series starts changes an ADX
for a long time, so the series always starts at the first bar of the fifth previous regular session.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar

ZERO = 1e-14  # TA-Lib's "is zero" for sums of true ranges and directional indicators
PERCENTILE_SESSIONS = 5  # fewer completed sessions: the percentile is unknown and stands at 50


class Ema:
    """Exponential moving average, seeded with the mean of the first n values."""

    __slots__ = ("_count", "_n", "_sum", "value")

    def __init__(self, n: int) -> None:
        self._n = n
        self._count = 0
        self._sum = 0.0
        self.value: float | None = None

    def add_all(self, closes: Iterable[float]) -> None:
        """Take in the next closes."""
        share, value = 2.0 / (self._n + 1), self.value
        for close in closes:
            if value is not None:
                value += (close - value) * share
                continue
            self._count += 1
            self._sum += close
            if self._count == self._n:
                value = self._sum / self._n
        self.value = value


class Value:
    """A number that is not known at first."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float | None = None


class Trend:
    """ATR and ADX after Wilder over one series of bars.

    The first bar has no true range. The ATR starts with the mean of n true ranges; the directional sums start with n-1
    of them, and the ADX with the mean of n directional indexes. A bar where nothing moved has no index: it counts as
    zero in the first mean and changes nothing later. `recent` are the newest five values of the ADX.
    """

    __slots__ = ("_bar", "_count", "_dx_sum", "_minus", "_n", "_plus", "_range_sum", "_ranges", "adx", "atr", "recent")

    def __init__(self, n: int) -> None:
        self._n = n
        self._count = 0  # bars after the first
        self._bar: tuple[float, float, float] | None = None
        self._range_sum = 0.0  # of the first n true ranges
        self._plus = self._minus = self._ranges = 0.0  # smoothed sums
        self._dx_sum = 0.0
        self.atr = Value()
        self.adx = Value()
        self.recent: deque[float] = deque(maxlen=5)

    def add_all(self, bars: Iterable[tuple[float, float, float]]) -> None:
        """Take in the next bars as (high, low, close). One loop on local names: it runs over 400 bars every day."""
        n, count, last, atr, adx = self._n, self._count, self._bar, self.atr.value, self.adx.value
        plus, minus, ranges, recent = self._plus, self._minus, self._ranges, self.recent
        for bar in bars:
            if last is None:
                last = bar
                continue
            high, low, _ = bar
            high_before, low_before, close_before = last
            last = bar
            count += 1
            reach = (high if high > close_before else close_before) - (low if low < close_before else close_before)
            if atr is not None:
                atr = (atr * (n - 1) + reach) / n
            else:
                self._range_sum += reach
                atr = self._range_sum / n if count == n else None
            if count >= n:
                plus -= plus / n
                minus -= minus / n
                ranges -= ranges / n
            up, down = high - high_before, low_before - low
            if up > 0 and up > down:
                plus += up
            elif down > 0 and down > up:
                minus += down
            ranges += reach
            if count < n:
                continue
            moved = ranges >= ZERO and 100.0 * (plus / ranges) + 100.0 * (minus / ranges) >= ZERO
            dx = 100.0 * abs(plus - minus) / (plus + minus) if moved else 0.0
            if adx is not None:
                adx = (adx * (n - 1) + dx) / n if moved else adx
            else:
                self._dx_sum += dx
                adx = self._dx_sum / n if count == 2 * n - 1 else None
            if adx is not None:
                recent.append(adx)
        self._count, self._bar, self.atr.value, self.adx.value = count, last, atr, adx
        self._plus, self._minus, self._ranges = plus, minus, ranges


def slope(values: Sequence[float]) -> float:
    """Least-squares slope per step; 0.0 for fewer than two values."""
    n = len(values)
    if n < 2:
        return 0.0
    middle = (n - 1) / 2
    mean = sum(values) / n
    return sum((i - middle) * (y - mean) for i, y in enumerate(values)) / (n * (n * n - 1) / 12)


def mid_rank(x: float, ordered: Sequence[float]) -> float:
    """Percentile 0..100 of x in a sorted population: all below it and half of those equal."""
    less = bisect_left(ordered, x)
    equal = bisect_right(ordered, x) - less
    return 100.0 * (less + 0.5 * equal) / len(ordered)


@dataclass(frozen=True, slots=True)
class Structure:
    """How the last five bars' extremes stand against the five before; equal is neither."""

    higher_highs: bool
    lower_highs: bool
    higher_lows: bool
    lower_lows: bool


def structure(highs: Sequence[float], lows: Sequence[float]) -> Structure | None:
    """Structure of the newest ten bars, None for fewer."""
    if len(highs) < 10:
        return None
    h1, h2 = max(highs[-10:-5]), max(highs[-5:])
    l1, l2 = min(lows[-10:-5]), min(lows[-5:])
    return Structure(h2 > h1, h2 < h1, l2 > l1, l2 < l1)


def range_bound(highs: Sequence[float], lows: Sequence[float], atr: float) -> int:
    """Largest m ≤ 20 such that the newest m+1 bars fit into a box of 1.5 ATR; 0 when not even two do."""
    if not highs:
        return 0
    top, bottom, bound = highs[-1], lows[-1], 0
    for m in range(1, min(21, len(highs))):
        top, bottom = max(top, highs[-1 - m]), min(bottom, lows[-1 - m])
        if top - bottom > 1.5 * atr:
            break
        bound = m
    return bound


class Indicators:
    """What the regime reads, over the bars of regular hours. `population` is the sorted ATR14 of completed sessions."""

    __slots__ = (
        "_adx_values",
        "_bars",
        "_columns",
        "_trend",
        "adx14",
        "atr14",
        "count",
        "ema9",
        "ema21",
        "population",
        "population_sessions",
    )

    def __init__(self, sessions: Sequence[Sequence[float]] = ()) -> None:
        """`sessions` are the ATR14 values of completed regular sessions."""
        self.ema9 = Ema(9)
        self.ema21 = Ema(21)
        self._trend = Trend(14)
        self.atr14 = self._trend.atr
        self.adx14 = self._trend.adx
        self.count = 0
        self.population = sorted(value for session in sessions for value in session)
        self.population_sessions = len(sessions)
        self._bars: deque[FootprintBar] = deque(maxlen=21)
        self._columns: tuple[list[int], list[int], list[int]] | None = None

    def add(self, bar: FootprintBar) -> None:
        """Take in a closed bar of regular hours."""
        self.add_all((bar,))

    def add_all(self, bars: Sequence[FootprintBar]) -> None:
        """Take in a series of closed bars."""
        closes = [bar.close for bar in bars]
        self.ema9.add_all(closes)
        self.ema21.add_all(closes)
        self._trend.add_all([(bar.high, bar.low, bar.close) for bar in bars])
        self._bars.extend(bars)
        self._columns = None
        self.count += len(bars)

    def ema_trend(self) -> float | None:
        """EMA9 minus EMA21 in ticks."""
        fast, slow = self.ema9.value, self.ema21.value
        return None if fast is None or slow is None else fast - slow

    def adx_slope(self) -> float | None:
        """Slope per bar of the last five ADX values, None before there are five."""
        recent = self._trend.recent
        return slope(tuple(recent)) if len(recent) == 5 else None

    def atr_percentile(self) -> float | None:
        """Where ATR14 stands among those of the last 20 completed sessions; 50.0 with fewer than five of them."""
        if self.atr14.value is None:
            return None
        if self.population_sessions < PERCENTILE_SESSIONS or not self.population:
            return 50.0
        return mid_rank(self.atr14.value, self.population)

    def _recent(self) -> tuple[list[int], list[int], list[int]]:
        """Highs, lows and volumes of the newest 21 bars, laid out once a bar."""
        if self._columns is None:
            bars = self._bars
            self._columns = [b.high for b in bars], [b.low for b in bars], [b.volume for b in bars]
        return self._columns

    def bar_range_avg(self) -> float | None:
        """Mean range of the last five bars in ticks."""
        highs, lows, _ = self._recent()
        return (sum(highs[-5:]) - sum(lows[-5:])) / 5 if len(highs) >= 5 else None

    def volume_vs_average(self) -> float | None:
        """The newest bar's volume over the mean of the last twenty, itself included; 1.0 when nothing traded."""
        last = self._recent()[2][-20:]
        if len(last) < 20:
            return None
        total = sum(last)
        return last[-1] * 20 / total if total else 1.0

    def structure(self) -> Structure | None:
        """Higher or lower highs and lows of the last ten bars."""
        highs, lows, _ = self._recent()
        return structure(highs, lows)

    def range_bound_bars(self) -> int | None:
        """How many bars back price has stayed inside 1.5 ATR."""
        if self.atr14.value is None:
            return None
        highs, lows, _ = self._recent()
        return range_bound(highs, lows, self.atr14.value)


def delta_slope(bars: Sequence[FootprintBar], count: int = 10) -> tuple[float, bool]:
    """Slope per bar of the newest `count` known bar deltas, and whether there were too few to trust (cold).

    Three to nine deltas give the slope over those; fewer give 0.0.
    """
    deltas: list[int] = []
    for bar in reversed(bars):
        if bar.delta is not None:
            deltas.append(bar.delta)
            if len(deltas) == count:
                break
    if len(deltas) < 3:
        return 0.0, True
    return slope(deltas[::-1]), len(deltas) < count
