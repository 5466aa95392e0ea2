"""Volume-weighted average price and its spread, from whole-number sums.

Prices enter as thirds of a tick, so that a bar's typical price (high + low + close) / 3 stays whole. Python integers do
not overflow and do not round, so the result is the same in whatever order trades came.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from orderflow_tui.domain.market import I64

added = np.add.reduce  # without numpy's Python wrapper


class Vwap:
    """Σv, Σ(3p)v and Σ(3p)²v since an anchor. `approx` once a bar without trades entered."""

    __slots__ = ("_first", "_second", "approx", "volume")

    def __init__(self) -> None:
        self.volume = 0
        self._first = 0
        self._second = 0
        self.approx = False

    def copy(self) -> Vwap:
        """The same sums, to be added to."""
        other = Vwap()
        other.add(self)
        return other

    def add_levels(self, low: int, volumes: I64) -> None:
        """Add volume traded at the ticks low, low+1, …; `volumes` int64[levels]."""
        steps = np.arange(len(volumes), dtype=np.int64)
        stepped = volumes * steps
        total, first, second = int(added(volumes)), int(added(stepped)), int(added(stepped * steps))
        self.volume += total
        self._first += 3 * (first + low * total)
        self._second += 9 * (second + 2 * low * first + low * low * total)

    def add_bar(self, high: int, low: int, close: int, volume: int) -> None:
        """Add a bar at its typical price."""
        thirds = high + low + close
        self.volume += volume
        self._first += thirds * volume
        self._second += thirds * thirds * volume
        self.approx = True

    def add(self, other: Vwap) -> None:
        """Add another stretch."""
        self.volume += other.volume
        self._first += other._first
        self._second += other._second
        self.approx = self.approx or other.approx

    def shift(self, ticks: int) -> None:
        """Move every price."""
        thirds = 3 * ticks
        self._second += 2 * thirds * self._first + thirds * thirds * self.volume
        self._first += thirds * self.volume

    def value(self) -> float | None:
        """The average price in ticks, None before the first trade."""
        return self._first / (3 * self.volume) if self.volume else None

    def sigma(self) -> float | None:
        """Population standard deviation of price, weighted by volume, in ticks."""
        if not self.volume:
            return None
        return sqrt(self._second * self.volume - self._first * self._first) / (3 * self.volume)
