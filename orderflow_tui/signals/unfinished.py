"""Unfinished auction: an extreme where both sides still traded, so the market is likely to look there again.

A finished high has (almost) nothing on the bid side. The level is a magnet, so a high points LONG. When a later bar
reaches it, the magnet is spent: UNFINISHED_REVISITED, no direction. Which levels live is decided by the market
floor's own rule (`Unfinished`); the detector keeps a list of its own so that it needs nothing but bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction, Evidence, Pattern
from orderflow_tui.domain.value import UnfinishedLevel
from orderflow_tui.market.levels import Unfinished, unfinished_extremes
from orderflow_tui.signals.detector import BarContext, Finding, has_levels


@dataclass(frozen=True, slots=True)
class UnfinishedParams:
    """`max_volume` is the largest opposite volume that still counts as finished; `thin` takes a rival public reading
    (hardly anybody lifted the extreme), for comparison; at most `keep` levels live; an extreme of regular hours lives
    `sessions` days, any other until its Globex day ends."""

    max_volume: int = 5
    thin: bool = False
    keep: int = 50
    sessions: int = 5


def unfinished_strength(own: int, opposite: int) -> float:
    """Strength of an extreme traded by its own aggressor and by the opposite one: 1.0 from equal volumes on."""
    return 0.5 + 0.5 * min(1.0, 2 * opposite / (opposite + own))


class UnfinishedDetector:
    """UNFINISHED_HIGH (LONG), UNFINISHED_LOW (SHORT), and UNFINISHED_REVISITED on a later bar."""

    __slots__ = ("_day_number", "_high", "_low", "_numbers", "_params", "_today", "_tracked")

    def __init__(self, params: UnfinishedParams, living: Sequence[tuple[UnfinishedLevel, int]] = ()) -> None:
        """`living` are the levels alive from before, each with its age in trading days."""
        self._params = params
        self._tracked = Unfinished(params.max_volume, params.thin, params.keep, (level for level, _ in living))
        self._numbers = {level.born_date: -age for level, age in living}  # trade dates counted, the first bar's is 0
        self._day_number = 0
        self._today: date | None = None
        self._high: int | None = None  # of this trade date's regular hours
        self._low: int | None = None

    @property
    def levels(self) -> tuple[UnfinishedLevel, ...]:
        """Levels not revisited yet, oldest first."""
        return self._tracked.living

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:
        """Revisits of older levels first (one finding, listing all), then this bar's own extremes."""
        if view.trade_date != self._today:
            self._next_day(view.trade_date)
        if bar.rth:
            self._high = bar.high if self._high is None else max(self._high, bar.high)
            self._low = bar.low if self._low is None else min(self._low, bar.low)
        if not self._tracked.living and not has_levels(bar):
            return []
        self._tracked.on_bar(bar, view.trade_date)
        found = []
        spent = self._tracked.revisited
        if spent:
            evidence: Evidence = {"levels": [[level.price, level.side, level.born_ns] for level in spent]}
            found.append(Finding(Pattern.UNFINISHED_REVISITED, Direction.NONE, 0.5, spent[0].price, evidence))
        for side, price in unfinished_extremes(bar, self._params.max_volume, self._params.thin):
            found.append(_finding(bar, side, price))
        return found

    def shift(self, ticks: int) -> None:
        """Levels roll with the contract."""
        self._tracked.shift(ticks)
        self._high = None if self._high is None else self._high + ticks
        self._low = None if self._low is None else self._low + ticks

    def _next_day(self, today: date | None) -> None:
        """Only extremes of regular hours outlive their Globex day, and those not for ever."""
        if self._today is not None:
            self._tracked.end_day(self._today, self._high, self._low)
            self._day_number += 1
        self._today, self._high, self._low = today, None, None
        number, oldest = self._day_number, self._day_number - self._params.sessions
        self._numbers[today] = number
        self._numbers = {day: n for day, n in self._numbers.items() if n >= oldest}
        self._tracked.keep(lambda level: level.born_date in self._numbers)


def _finding(bar: FootprintBar, side: int, price: int) -> Finding:
    own, opposite = (bar.ask[-1], bar.bid[-1]) if side > 0 else (bar.bid[0], bar.ask[0])
    pattern = Pattern.UNFINISHED_HIGH if side > 0 else Pattern.UNFINISHED_LOW
    evidence: Evidence = {"own": own, "opposite": opposite}
    return Finding(pattern, Direction(side), unfinished_strength(own, opposite), price, evidence)
