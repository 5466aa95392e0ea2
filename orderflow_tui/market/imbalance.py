"""Diagonal imbalance and stacks, on a bar's lists, in whole numbers.

A buyer lifting k and a seller hitting k-1 met the same quote, so the comparison runs diagonally. A neighbour is the next
price tick, traded or not; the lowest level has no buy comparison, the highest no sell comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from orderflow_tui.domain.bar import FootprintBar

GENERIC_MIN_VOLUME = 10


class ZeroPolicy(Enum):
    """What an opposite volume of zero counts as: one contract, no imbalance at all, or an imbalance at any volume."""

    ONE = "one"
    SKIP = "skip"
    INF = "inf"


@dataclass(frozen=True, slots=True)
class ImbalanceRules:
    """`ratio_percent` 300 means at least three times (inclusive); `min_volume` None takes the instrument's;
    `min_diff` contracts; `stacked_min` levels on consecutive ticks make a stack."""

    ratio_percent: int = 300
    min_volume: int | None = None
    min_diff: int = 0
    zero_policy: ZeroPolicy = ZeroPolicy.ONE
    stacked_min: int = 3


@dataclass(frozen=True, slots=True)
class Imbalance:
    """One imbalanced level: its tick, the aggressive volume there and the opposite volume one tick across."""

    tick: int
    volume: int
    opposite: int

    @property
    def ratio(self) -> float:
        """How many times larger; an empty opposite side counts as one contract."""
        return self.volume / (self.opposite or 1)


def imbalances(bar: FootprintBar, rules: ImbalanceRules, min_volume: int) -> tuple[list[Imbalance], list[Imbalance]]:
    """Buy and sell imbalances of a bar, low to high. Empty for a bar without levels."""
    least = min_volume if rules.min_volume is None else rules.min_volume
    low, bid, ask = bar.low, bar.bid, bar.ask
    return _compared(low + 1, ask[1:], bid, least, rules), _compared(low, bid[:-1], ask[1:], least, rules)


def _compared(first: int, volumes: list[int], opposites: list[int], least: int, rules: ImbalanceRules) -> list[Imbalance]:
    """The levels from tick `first` on whose volume outweighs the opposite one beside it."""
    percent, diff = rules.ratio_percent, rules.min_diff
    found = [
        Imbalance(tick, volume, opposite)
        for tick, volume, opposite in zip(range(first, first + len(volumes)), volumes, opposites, strict=False)
        if volume >= least and 100 * volume >= percent * (opposite or 1) and volume - opposite >= diff
    ]
    if rules.zero_policy is ZeroPolicy.ONE:
        return found
    found = [level for level in found if level.opposite]
    if rules.zero_policy is ZeroPolicy.INF:
        ticks = zip(range(first, first + len(volumes)), volumes, opposites, strict=False)
        found += [
            Imbalance(tick, volume, 0) for tick, volume, opposite in ticks if not opposite and volume >= max(least, diff, 1)
        ]
    return sorted(found, key=lambda level: level.tick)


def stacks(levels: Sequence[Imbalance], least: int) -> list[tuple[int, int]]:
    """Maximal runs of at least `least` consecutive ticks, as (lowest, highest) tick, low to high."""
    found: list[tuple[int, int]] = []
    if len(levels) < least:
        return found
    start = last = levels[0].tick
    for level in levels[1:]:
        if level.tick != last + 1:
            if last - start + 1 >= least:
                found.append((start, last))
            start = level.tick
        last = level.tick
    if last - start + 1 >= least:
        found.append((start, last))
    return found
