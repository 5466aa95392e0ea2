"""How trades went: statistics of any set of round trips, and the same per pattern and regime. After costs, always.

Money in cents. Ratios are None where they do not exist (no trades, nothing lost), never a made-up number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from orderflow_tui.trading.trade import RoundTrip

SMALL = 30  # below this many trades the figures say little, and the screen says so
Z95 = 1.96


@dataclass(frozen=True, slots=True)
class Score:
    """One line of a scorecard. `interval_cents` is the half-width of the 95 % interval around the expectancy (normal
    approximation, None below two trades); `drawdown_cents` the deepest fall of the running sum from its peak, >= 0."""

    name: str
    trades: int
    wins: int
    net_cents: int
    expectancy_cents: float | None
    interval_cents: float | None
    profit_factor: float | None
    drawdown_cents: int
    win_days: int
    days: int

    @property
    def win_share(self) -> float | None:
        """Share of trades that made money."""
        return self.wins / self.trades if self.trades else None

    @property
    def small(self) -> bool:
        """Too few trades to mean much."""
        return self.trades < SMALL


def score(name: str, trips: Sequence[RoundTrip]) -> Score:
    """The statistics of some trades, in the order they closed."""
    nets = [trip.net_cents for trip in trips]
    count, total = len(nets), sum(nets)
    won, lost = sum(n for n in nets if n > 0), -sum(n for n in nets if n < 0)
    days: dict[object, int] = {}
    for trip in trips:
        days[trip.trade_date] = days.get(trip.trade_date, 0) + trip.net_cents
    return Score(
        name=name,
        trades=count,
        wins=sum(n > 0 for n in nets),
        net_cents=total,
        expectancy_cents=total / count if count else None,
        interval_cents=_interval(nets),
        profit_factor=won / lost if lost else None,
        drawdown_cents=_drawdown(nets),
        win_days=sum(result > 0 for result in days.values()),
        days=len(days),
    )


def _interval(nets: Sequence[int]) -> float | None:
    if len(nets) < 2:
        return None
    mean = sum(nets) / len(nets)
    variance = sum((n - mean) ** 2 for n in nets) / (len(nets) - 1)
    return Z95 * sqrt(variance / len(nets))


def _drawdown(nets: Sequence[int]) -> int:
    total = peak = deepest = 0
    for net in nets:
        total += net
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest


def scorecard(trips: Sequence[RoundTrip], key: Callable[[RoundTrip], str]) -> tuple[Score, ...]:
    """One score per key (pattern, regime, exit reason …), most trades first, then by name."""
    groups: dict[str, list[RoundTrip]] = {}
    for trip in trips:
        groups.setdefault(key(trip), []).append(trip)
    lines = [score(name, group) for name, group in groups.items()]
    return tuple(sorted(lines, key=lambda line: (-line.trades, line.name)))


def by_label(trip: RoundTrip) -> str:
    """The pattern or setup a trade was made for."""
    return str(trip.context.get("label", "unknown"))


def by_regime(trip: RoundTrip) -> str:
    """The regime it was made in."""
    return str(trip.context.get("regime", "unknown"))


def by_reason(trip: RoundTrip) -> str:
    """What ended it."""
    return trip.reason.value
