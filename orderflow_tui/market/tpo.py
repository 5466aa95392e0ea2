"""Time at price: which half-hour periods of regular hours visited which price. Period 0 is letter A.

A price gets a period's letter once, however often it traded there: what counts is the period's range.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from orderflow_tui.domain.value import ValueArea
from orderflow_tui.market.profile import check_span, poc_index, value_area


class Extreme(Enum):
    """How an extreme was left: rejected by a tail, barely, or not at all (poor)."""

    EXCESS = "EXCESS"
    WEAK = "WEAK"
    POOR = "POOR"


def singles_of(low: int, counts: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Runs of one letter with two or more letters on both sides, as (low, high) ticks, low first; dense from `low`."""
    found: list[tuple[int, int]] = []
    start: int | None = None
    for i in range(1, len(counts)):
        if counts[i] == 1 and counts[i - 1] > 1:
            start = i
        elif counts[i] != 1:
            if counts[i] > 1 and start is not None:
                found.append((low + start, low + i - 1))
            start = None
    return tuple(found)


def tails_of(counts: Sequence[int]) -> tuple[int, int]:
    """Lengths in ticks of the single-letter runs from the high and from the low of a finished profile."""
    down = next((k for k, count in enumerate(reversed(counts)) if count != 1), len(counts))
    return down, next((k for k, count in enumerate(counts) if count != 1), len(counts))


class TpoProfile:
    """Letters at price. Ranges in ticks, inclusive."""

    __slots__ = ("_counts", "_ranges", "_stale")

    def __init__(self) -> None:
        self._ranges: dict[int, tuple[int, int]] = {}
        self._counts: tuple[int, ...] = ()
        self._stale = False

    def touch(self, period: int, low: int, high: int) -> None:
        """Trading reached low..high inside a period."""
        old = self._ranges.get(period)
        if old is None:
            self._ranges[period] = (low, high)
        elif low < old[0] or high > old[1]:
            self._ranges[period] = (min(low, old[0]), max(high, old[1]))
        else:
            return
        self._stale = True

    def shift(self, ticks: int) -> None:
        """Move every price."""
        self._ranges = {period: (low + ticks, high + ticks) for period, (low, high) in self._ranges.items()}

    @property
    def periods(self) -> tuple[tuple[int, int, int], ...]:
        """(index, low, high) of every period that traded, in order."""
        return tuple((index, low, high) for index, (low, high) in sorted(self._ranges.items()))

    @property
    def low(self) -> int | None:
        """Lowest tick with a letter."""
        return min((low for low, _ in self._ranges.values()), default=None)

    @property
    def counts(self) -> tuple[int, ...]:
        """Letters at each tick, dense from `low`."""
        if self._stale:
            self._counts = self._count(dict(self._ranges))
            self._stale = False
        return self._counts

    def _count(self, ranges: dict[int, tuple[int, int]]) -> tuple[int, ...]:
        base, top = min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())
        check_span(base, top)
        steps = [0] * (top - base + 2)
        for low, high in ranges.values():
            steps[low - base] += 1
            steps[high - base + 1] -= 1
        counts, level = [], 0
        for step in steps[:-1]:
            level += step
            counts.append(level)
        return tuple(counts)

    def poc(self) -> int | None:
        """Tick with most letters, by the profile's tie rules."""
        low = self.low
        return None if low is None else low + poc_index(self.counts)

    def value_area(self, permille: int, method: str) -> ValueArea | None:
        """Value area of letter counts."""
        low = self.low
        return None if low is None else value_area(low, self.counts, permille, method)

    def tails(self, current: int | None = None) -> tuple[int, int]:
        """Lengths in ticks of the single-letter runs from the high and from the low.

        A tail made by the period still running (`current`) alone does not count yet.
        """
        counts = self.counts
        if not counts:
            return 0, 0
        open_range = self._ranges.get(current) if current is not None else None
        low = self.low or 0
        tails = []
        for order in (range(len(counts) - 1, -1, -1), range(len(counts))):
            length = 0
            for i in order:
                if counts[i] != 1 or (open_range is not None and open_range[0] <= low + i <= open_range[1]):
                    break
                length += 1
            tails.append(length)
        return tails[0], tails[1]

    def singles(self) -> tuple[tuple[int, int], ...]:
        """Single prints: runs of one letter with two or more letters on both sides, as (low, high) ticks, low first.

        A run is open as long as it is here: later periods that print through it add their letters.
        """
        return singles_of(self.low or 0, self.counts)

    def high_quality(self, current: int | None = None) -> Extreme | None:
        """How the high was left, None before trading."""
        return quality_of(self.tails(current)[0]) if self._ranges else None

    def low_quality(self, current: int | None = None) -> Extreme | None:
        """How the low was left, None before trading."""
        return quality_of(self.tails(current)[1]) if self._ranges else None


def quality_of(tail: int) -> Extreme:
    """How an extreme with a tail of this many ticks was left."""
    if tail >= 2:
        return Extreme.EXCESS
    return Extreme.WEAK if tail == 1 else Extreme.POOR
